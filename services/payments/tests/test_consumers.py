"""The handlers, driven through the worker, on both stores, with the sandbox, each delivery once and twice."""

import asyncio
from typing import Any

import pytest

from souk_chassis.errors import timeout_unknown
from souk_contracts.orders import OrderCancelled, OrderReturned
from souk_contracts.payments import PaymentCaptured, PaymentDeclined, PaymentRefunded, RefundOwed
from souk_contracts.products import StockReserved
from souk_payments.domain import FREE
from souk_payments.manifest import PROVIDER_ATTEMPTS
from souk_payments.records import Payment

Shop = Any
"""The fixture's class: its module can't be imported from here."""


async def test_a_reserved_order_is_charged_once(shop: Shop) -> None:
    told = await shop.handle(shop.reserved())
    book = (await shop.books())["o-1"]
    assert [(event.order_id, event.amount_minor) for event in told] == [("o-1", 1000)]
    assert isinstance(told[0], PaymentCaptured)
    assert (book.state, book.captured_minor, book.provider_captured_minor, book.charges) == ("CAPTURED", 1000, 1000, 1)


async def test_a_repeated_reservation_changes_and_tells_nothing(shop: Shop) -> None:
    event = shop.packed(shop.reserved())
    await shop.handle(event)
    assert await shop.handle(event, shop.reserved()) == []
    assert (await shop.books())["o-1"].charges == 1


async def test_two_reservations_of_one_order_in_one_batch_charge_once(shop: Shop) -> None:
    told = await shop.handle(shop.reserved(), shop.reserved())
    assert len(told) == 1
    assert (await shop.books())["o-1"].charges == 1


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("tok_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_of_another_shop", "unknown_payment_method"),
    ],
)
async def test_a_declined_charge_is_told_with_its_reason(shop: Shop, method: str, reason: str) -> None:
    assert await shop.handle(shop.reserved(method=method)) == [PaymentDeclined(order_id="o-1", reason=reason)]
    assert await shop.handle(shop.cancelled()) == []
    book = (await shop.books())["o-1"]
    assert (book.state, book.captured_minor, book.charges) == ("DECLINED", 0, 0)


async def test_an_order_that_costs_nothing_is_paid_without_the_provider(shop: Shop) -> None:
    told = await shop.handle(shop.reserved(total_minor=0))
    assert told == [PaymentCaptured(order_id="o-1", payment_id=FREE, amount_minor=0)]
    assert await shop.handle(shop.cancelled()) == []
    assert (await shop.books())["o-1"].charges == 0


async def test_a_large_mixed_batch_gets_each_its_own_outcome(shop: Shop) -> None:
    methods = ["tok_ok", "tok_declined", "tok_lost_answer", "tok_ok", "tok_ok", "tok_ok"]
    events = [shop.reserved(f"o-{i}", methods[i % len(methods)], 100 + i) for i in range(300)]
    told = {event.order_id: event for event in await shop.handle(*events)}
    for _ in range(PROVIDER_ATTEMPTS):  # on a machine that stands still a charge may time out: it comes again
        shop.clock.advance(61.0)
        told |= {event.order_id: event for event in await shop.handle()}
    for i in range(300):
        if methods[i % len(methods)] == "tok_declined":
            assert isinstance(told[f"o-{i}"], PaymentDeclined)
        else:
            assert told[f"o-{i}"].amount_minor == 100 + i
    assert len(told) == 300


async def test_a_lost_answer_is_asked_for(shop: Shop) -> None:
    told = await shop.handle(shop.reserved(method="tok_lost_answer"))
    assert [type(event) for event in told] == [PaymentCaptured]
    assert (await shop.books())["o-1"].charges == 1


async def test_a_lost_request_is_sent_again(shop: Shop) -> None:
    assert await shop.handle(shop.reserved(method="tok_lost_request")) == []
    assert (await shop.queue(StockReserved)).waiting == 1
    shop.clock.advance(1.0)
    assert [type(event) for event in await shop.handle()] == [PaymentCaptured]
    assert (await shop.books())["o-1"].charges == 1


async def test_an_outcome_that_stays_unknown_becomes_a_dead_letter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def silent(about: object) -> None:
        asked.append(about)
        raise timeout_unknown("no_answer", "Silence.")

    with monkeypatch.context() as patch:
        patch.setattr(shop.deps.provider, "charge", silent)
        patch.setattr(shop.deps.provider, "find", silent)
        await shop.send(shop.reserved())
        for _ in range(PROVIDER_ATTEMPTS):
            await shop.run()
            shop.clock.advance(61.0)
        state = await shop.queue(StockReserved)
        assert (state.waiting, state.dead) == (0, 1)
        assert await shop.books() == {}
    shop.clock.advance(31.0)  # the breaker, which had opened, lets a probe through again
    await shop.store.redrive("payments-stock-reserved")
    assert [type(event) for event in await shop.handle()] == [PaymentCaptured]


async def test_a_kill_between_charge_and_record_charges_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop.store.unit() as unit:
        kind = type(unit)
    add = kind.add

    async def fail(unit: Any, records: Any) -> Any:
        if isinstance(records[0], Payment):
            raise RuntimeError("killed")
        return await add(unit, records)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "add", fail)
        assert await shop.handle(shop.reserved()) == []
    assert (await shop.store.page(Payment.every)).items == ()
    assert (await shop.deps.provider.books("", 10))[0].charges == 1
    shop.clock.advance(1.0)
    assert [type(event) for event in await shop.handle()] == [PaymentCaptured]
    assert (await shop.books())["o-1"].charges == 1


async def test_a_worker_that_dies_while_recording_loses_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async with shop.store.unit() as unit:
        kind = type(unit)
    add = kind.add

    async def hang(unit: Any, records: Any) -> Any:
        if isinstance(records[0], Payment):
            reached.set()
            await asyncio.Event().wait()
        return await add(unit, records)

    await shop.send(shop.reserved())
    with monkeypatch.context() as patch:
        patch.setattr(kind, "add", hang)
        dying = asyncio.create_task(shop.consume(StockReserved))
        await reached.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    assert await shop.handle() == []  # the lease still stands
    shop.clock.advance(31.0)
    assert [type(event) for event in await shop.handle()] == [PaymentCaptured]
    assert (await shop.books())["o-1"].charges == 1


async def test_a_cancellation_after_the_charge_refunds_it(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    told = await shop.handle(shop.cancelled())
    assert [(type(event), event.amount_minor) for event in told] == [(PaymentRefunded, 1000)]
    assert await shop.handle(shop.cancelled()) == []
    book = (await shop.books())["o-1"]
    assert (book.state, book.refunded_minor, book.provider_refunded_minor) == ("REFUNDED", 1000, 1000)


async def test_a_cancellation_before_the_charge_prevents_it(shop: Shop) -> None:
    assert await shop.handle(shop.cancelled()) == []
    assert await shop.handle(shop.reserved()) == []
    book = (await shop.books())["o-1"]
    assert (book.state, book.captured_minor, book.provider_captured_minor, book.charges) == ("CANCELLED", 0, 0, 0)


async def test_a_cancellation_during_the_charge_refunds_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = shop.deps.provider.charge

    async def cancelled_meanwhile(asked: Any) -> Any:
        outcome = await charge(asked)
        await shop.send(shop.cancelled())
        await shop.consume(OrderCancelled)
        return outcome

    monkeypatch.setattr(shop.deps.provider, "charge", cancelled_meanwhile)
    told = await shop.handle(shop.reserved())
    assert [(type(event), event.amount_minor) for event in told] == [(PaymentRefunded, 1000)]
    book = (await shop.books())["o-1"]
    assert (book.state, book.captured_minor, book.refunded_minor) == ("REFUNDED", 1000, 1000)
    assert (book.provider_captured_minor, book.provider_refunded_minor, book.charges) == (1000, 1000, 1)


async def test_a_decline_during_a_cancellation_tells_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = shop.deps.provider.charge

    async def cancelled_meanwhile(asked: Any) -> Any:
        await shop.send(shop.cancelled())
        await shop.consume(OrderCancelled)
        return await charge(asked)

    monkeypatch.setattr(shop.deps.provider, "charge", cancelled_meanwhile)
    assert await shop.handle(shop.reserved(method="tok_declined")) == []
    assert (await shop.books())["o-1"].state == "CANCELLED"


async def test_returns_refund_what_they_say_and_never_more_than_was_captured(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    first = shop.packed(shop.returned("r-1", 300))
    assert [event.amount_minor for event in await shop.handle(first)] == [300]
    assert await shop.handle(first, shop.returned("r-1", 300)) == []
    assert (await shop.books())["o-1"].state == "CAPTURED"
    assert [event.amount_minor for event in await shop.handle(shop.returned("r-2", 900))] == [700]
    assert await shop.handle(shop.returned("r-3", 100)) == []
    book = (await shop.books())["o-1"]
    assert (book.state, book.refunded_minor, book.provider_refunded_minor) == ("REFUNDED", 1000, 1000)


async def test_several_returns_and_a_cancellation_at_once_refund_the_whole_once(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    told = await shop.handle(
        shop.returned("r-1", 300), shop.returned("r-2", 300), shop.returned("r-1", 300), shop.cancelled()
    )
    assert sum(event.amount_minor for event in told) == 1000
    assert (await shop.books())["o-1"].provider_refunded_minor == 1000


async def test_a_return_of_an_order_that_was_never_paid_is_kept_for_people_to_see(shop: Shop) -> None:
    await shop.handle(shop.reserved("paid"))
    told = await shop.handle(shop.returned("r-1", 300), shop.returned("r-2", 400, "paid"))
    assert [event.order_id for event in told] == ["paid"]
    for _ in range(5):
        shop.clock.advance(61.0)
        await shop.run()
    assert (await shop.queue(OrderReturned)).dead == 1


async def test_an_overdue_order_hears_its_outcome_again(shop: Shop) -> None:
    await shop.handle(shop.reserved("paid"), shop.reserved("refused", "tok_declined"))
    overdue = [shop.packed(shop.overdue(order_id)) for order_id in ("paid", "refused", "unknown")]
    told = await shop.handle(*overdue)
    assert {(type(event), event.order_id) for event in told} == {
        (PaymentCaptured, "paid"),
        (PaymentDeclined, "refused"),
    }
    assert len(told) == 2
    assert await shop.handle(*overdue) == []
    assert len(await shop.handle(shop.overdue("paid"))) == 1


async def test_an_overdue_order_whose_money_went_back_hears_nothing(shop: Shop) -> None:
    await shop.handle(shop.reserved("refunded"))
    await shop.handle(shop.cancelled("refunded"), shop.cancelled("never charged"))
    assert await shop.handle(shop.overdue("refunded"), shop.overdue("never charged")) == []


async def test_a_refund_whose_answer_is_lost_is_done_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.handle(shop.reserved())
    refund = shop.deps.provider.refund
    lost: list[str] = []

    async def lose_first(asked: Any) -> Any:
        refund_id = await refund(asked)
        if not lost:
            lost.append(refund_id)
            raise timeout_unknown("no_answer", "Silence.")
        return refund_id

    monkeypatch.setattr(shop.deps.provider, "refund", lose_first)
    told = await shop.handle(shop.cancelled())
    shop.clock.advance(1.0)
    told += await shop.handle()
    assert [event.refund_id for event in told] == lost
    assert (await shop.books())["o-1"].provider_refunded_minor == 1000


async def test_a_refund_owed_without_a_record_is_not_given(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    forged = RefundOwed(order_id="o-1", refund_key="x", payment_id="p", amount_minor=1000, currency="GBP")
    assert await shop.handle(forged) == []
    assert (await shop.books())["o-1"].provider_refunded_minor == 0
