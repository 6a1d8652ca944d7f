"""When the provider is asked before it is told: wherever an earlier try may have charged, and its key be forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.events.event import Delivery
from souk_chassis.ids import uuid7
from souk_contracts.payments import PaymentCaptured
from souk_contracts.products import StockReserved
from souk_payments.charging import KEY_TRUSTED_S, may_have_happened
from souk_payments.domain import Charge

Shop = Any


def delivery(event_id: str, attempt: int = 1) -> Delivery[StockReserved]:
    event = StockReserved(order_id="o-1", total_minor=1000, currency="GBP", payment_method="tok_ok")
    return Delivery(event_id, event, "", attempt)


def test_a_fresh_event_was_not_charged_for() -> None:
    assert not may_have_happened(delivery(uuid7()), datetime.now(UTC))


def test_a_second_attempt_an_old_event_and_a_strange_id_may_have_been() -> None:
    now = datetime.now(UTC)
    assert may_have_happened(delivery(uuid7(), attempt=2), now)
    assert may_have_happened(delivery(uuid7()), now + timedelta(seconds=KEY_TRUSTED_S + 60))
    assert may_have_happened(delivery("not-a-uuid"), now)


async def test_an_old_event_finds_the_charge_whose_key_the_provider_has_forgotten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = shop.packed(shop.reserved())
    charge = shop.deps.provider.charge
    await charge(Charge("o-1", "o-1", 1000, "GBP", "tok_ok"))

    async def forgetful(asked: Charge) -> Any:
        return await charge(Charge(asked.order_id, f"forgotten {asked.key}", 1000, "GBP", "tok_ok"))

    monkeypatch.setattr(shop.deps.provider, "charge", forgetful)
    shop.clock.advance(KEY_TRUSTED_S + 60)
    assert [type(told) for told in await shop.handle(event)] == [PaymentCaptured]
    assert (await shop.books())["o-1"].charges == 1


async def test_a_provider_with_a_fault_of_its_own_spoils_no_other_charge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = shop.deps.provider.charge

    async def faulty(asked: Charge) -> Any:
        if asked.order_id == "bad":
            raise ZeroDivisionError
        return await charge(asked)

    monkeypatch.setattr(shop.deps.provider, "charge", faulty)
    told = await shop.handle(shop.reserved("a"), shop.reserved("bad"), shop.reserved("b"))
    assert sorted(event.order_id for event in told) == ["a", "b"]
    assert (await shop.queue(StockReserved)).waiting == 1
