"""The sandbox alone: what each payment method does, and books that keep up with a crowd and outlive a crash."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from souk_chassis.clock import SystemClock
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.testing.records import ENGINES, NewDatabase, records_on
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import SLOW_S, Sandbox
from souk_payments.providers.sandbox_books import SandboxBooks
from souk_payments.records import Refund, SandboxOrder

OpenBooks = Callable[[], Awaitable[SandboxBooks]]


@pytest.fixture(params=ENGINES)
async def reopen(request: pytest.FixtureRequest, new_database: NewDatabase) -> AsyncIterator[OpenBooks]:
    """Opens the same books, again and again."""
    store = await records_on(request.param, [SandboxOrder], SystemClock(), new_database)

    async def open_again() -> SandboxBooks:
        return SandboxBooks(store)

    yield open_again
    await store.close()


def charge(order_id: str = "o-1", method: str = "tok_ok", key: str | None = None) -> Charge:
    return Charge(order_id, key or order_id, 1000, "GBP", method)


async def refused(asked: Awaitable[Any]) -> SoukError:
    with pytest.raises(SoukError) as raised:
        await asked
    return raised.value


async def test_a_lost_answer_was_charged(reopen: OpenBooks) -> None:
    sandbox = Sandbox(await reopen())
    for _ in range(2):
        assert (await refused(sandbox.charge(charge(method="tok_lost_answer")))).kind is ErrorKind.TIMEOUT_UNKNOWN
    assert isinstance(await sandbox.find("o-1"), Captured)
    assert await sandbox.books("", 10) == [ProviderBook("o-1", 1000, 0, 1)]


async def test_a_lost_request_arrives_the_third_time(reopen: OpenBooks) -> None:
    sandbox = Sandbox(await reopen())
    for _ in range(2):
        assert (await refused(sandbox.charge(charge(method="tok_lost_request")))).kind is ErrorKind.TIMEOUT_UNKNOWN
        assert await sandbox.find("o-1") is None
    outcome = await sandbox.charge(charge(method="tok_lost_request"))
    assert outcome == await sandbox.find("o-1")


async def test_a_slow_charge_holds_up_nobody_else(reopen: OpenBooks) -> None:
    waited, go_on = [], asyncio.Event()

    async def sleep(delay_s: float) -> None:
        waited.append(delay_s)
        await go_on.wait()

    sandbox = Sandbox(await reopen(), sleep)
    slow = asyncio.create_task(sandbox.charge(charge("slow", "tok_slow")))
    others = await asyncio.gather(*(sandbox.charge(charge(f"o-{i}")) for i in range(20)))
    assert all(isinstance(other, Captured) for other in others)
    assert not slow.done()
    go_on.set()
    assert isinstance(await slow, Captured)
    assert waited == [SLOW_S]


async def test_a_crowd_is_charged_in_one_commit(reopen: OpenBooks, monkeypatch: pytest.MonkeyPatch) -> None:
    books = await reopen()
    enter, batches = books.enter, []

    async def counted(entries: Sequence[Any]) -> Any:
        batches.append(len(entries))
        return await enter(entries)

    monkeypatch.setattr(books, "enter", counted)
    sandbox = Sandbox(books)
    charges = [charge(f"o-{i}", "tok_declined" if i % 2 else "tok_ok") for i in range(256)]
    outcomes = await asyncio.gather(*(sandbox.charge(each) for each in charges))
    assert batches == [256]
    assert [type(outcome) for outcome in outcomes] == [Captured, Declined] * 128
    again = await asyncio.gather(*(sandbox.charge(each) for each in charges))
    assert again == outcomes


async def test_one_key_many_times_at_once_is_one_charge(reopen: OpenBooks) -> None:
    here, there = Sandbox(await reopen()), Sandbox(await reopen())
    asked = [sandbox.charge(charge()) for sandbox in (here, there) for _ in range(20)]
    assert len(set(await asyncio.gather(*asked))) == 1
    assert await here.books("", 10) == [ProviderBook("o-1", 1000, 0, 1)]


async def test_refunds_at_once_never_exceed_the_charge(reopen: OpenBooks) -> None:
    here, there = Sandbox(await reopen()), Sandbox(await reopen())
    payment = await here.charge(charge())
    assert isinstance(payment, Captured)
    refunds = [
        Refund(refund_key=f"k-{i}", order_id="o-1", payment_id=payment.payment_id, amount_minor=300, currency="GBP")
        for i in range(10)
    ]
    asked = [(here, there)[i % 2].refund(refund) for i, refund in enumerate(refunds)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, str)]) == 3
    assert await here.books("", 10) == [ProviderBook("o-1", 1000, 900, 1)]


async def test_the_books_outlive_the_sandbox(reopen: OpenBooks) -> None:
    before = Sandbox(await reopen())
    outcome = await before.charge(charge())
    await before.close()
    after = Sandbox(await reopen())
    assert await after.charge(charge()) == outcome
    assert await after.find("o-1") == outcome


async def test_the_books_come_in_pages_and_count_captures(reopen: OpenBooks) -> None:
    sandbox = Sandbox(await reopen())
    for order_id in ("b", "a", "Z", "declined"):
        await sandbox.charge(charge(order_id, "tok_declined" if order_id == "declined" else "tok_ok"))
    await sandbox.charge(charge("a", key="another"))
    first = await sandbox.books("", 2)
    assert first == [ProviderBook("Z", 1000, 0, 1), ProviderBook("a", 2000, 0, 2)]
    assert await sandbox.books("a", 2) == [ProviderBook("b", 1000, 0, 1)]
