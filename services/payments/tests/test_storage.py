"""The contract of the payments store, on every adapter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.opening import open_store
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_payments.domain import Payment, PaymentState, Refund
from souk_payments.ports import Checkpoint, PaymentStore
from souk_payments.storage.dynamodb import DynamoPaymentStore
from souk_payments.storage.memory import MemoryPaymentStore
from souk_payments.storage.postgres import PostgresPaymentStore
from souk_payments.tables import TABLES

START = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(params=["memory", "postgres", "dynamodb"])
async def store(
    request: pytest.FixtureRequest, clock: ManualClock, new_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[PaymentStore]:
    opened: PaymentStore
    if request.param == "memory":
        opened = MemoryPaymentStore(clock)
    elif request.param == "dynamodb":
        opened = DynamoPaymentStore(RetryingClient(DynamoModel(TABLES, Limits(metered=False))), clock)
    else:
        url = await new_database()
        opened = await open_store(url, "souk_payments", "payments", clock, PostgresPaymentStore)
    yield opened
    await opened.close()


def paid(order_id: str = "o-1", captured_minor: int = 1000) -> Payment:
    return Payment(
        order_id,
        PaymentState.CAPTURED,
        "GBP",
        method="tok_ok",
        payment_id=f"p-{order_id}",
        captured_minor=captured_minor,
    )


def tombstone(order_id: str = "o-1") -> Payment:
    return Payment(order_id, PaymentState.CANCELLED, "GBP", reason="changed my mind")


def refund(key: str, amount_minor: int, order_id: str = "o-1") -> Refund:
    return Refund(key, order_id, f"p-{order_id}", amount_minor, "GBP")


async def record(store: PaymentStore, *payments: Payment) -> None:
    async with store.unit() as unit:
        await unit.record(payments)


class TestPaymentStoreContract:
    """What every adapter must do."""

    async def test_a_recorded_payment_is_read_back(self, store: PaymentStore) -> None:
        declined = Payment("o-2", PaymentState.DECLINED, "EUR", method="tok_declined", reason="card_declined")
        async with store.unit() as unit:
            recorded = await unit.record([paid(), declined])
        assert (set(recorded.fresh), len(recorded.late)) == ({"o-1", "o-2"}, 0)
        assert await store.page("", 10) == [replace(paid(), created_at=START), replace(declined, created_at=START)]
        states = await store.states(["o-1", "o-2", "o-3"])
        assert states == {"o-1": PaymentState.CAPTURED, "o-2": PaymentState.DECLINED}

    async def test_a_payment_is_recorded_once(self, store: PaymentStore) -> None:
        await record(store, paid())
        async with store.unit() as unit:
            recorded = await unit.record([replace(paid(), payment_id="another"), paid("o-2")])
        assert (set(recorded.fresh), len(recorded.late)) == ({"o-2"}, 0)
        assert (await store.page("", 1))[0].payment_id == "p-o-1"

    async def test_a_unit_that_fails_leaves_nothing(self, store: PaymentStore) -> None:
        async def fail_halfway() -> None:
            async with store.unit() as unit:
                await unit.record([paid()])
                await unit.owe([refund("cancel:o-1", 1000)])
                await unit.keep(["o-1"], START)
                raise RuntimeError("halfway")

        with pytest.raises(RuntimeError, match="halfway"):
            await fail_halfway()
        assert await store.page("", 10) == []
        assert await store.refunds(["cancel:o-1"]) == {}
        assert await store.kept(START, 10) == []

    async def test_a_charge_after_the_cancellation_is_late(self, store: PaymentStore) -> None:
        async with store.unit() as unit:
            await unit.cancel([tombstone(), tombstone("o-2")])
        async with store.unit() as unit:
            declined = Payment("o-2", PaymentState.DECLINED, "GBP", method="tok_declined", reason="card_declined")
            recorded = await unit.record([paid(), declined])
            again = await unit.record([paid(), declined])
        assert recorded.fresh == frozenset()
        assert [(late.order_id, late.state, late.captured_minor) for late in recorded.late] == [
            ("o-1", PaymentState.CANCELLED, 1000)
        ]
        assert not again.fresh
        assert not again.late
        assert [(p.order_id, p.payment_id, p.method) for p in await store.page("", 10)] == [
            ("o-1", "p-o-1", "tok_ok"),
            ("o-2", None, None),
        ]

    async def test_a_cancellation_leaves_a_payment_as_it_is(self, store: PaymentStore) -> None:
        await record(store, paid())
        async with store.unit() as unit:
            await unit.cancel([tombstone()])
            locked = await unit.lock(["o-1", "unknown"])
        assert locked == {"o-1": replace(paid(), created_at=START)}

    @pytest.mark.parametrize("cancelled_first", [True, False])
    async def test_a_charge_and_a_cancellation_at_the_same_time_see_each_other(
        self, store: PaymentStore, cancelled_first: bool
    ) -> None:
        async def cancel() -> bool:
            async with store.unit() as unit:
                await unit.cancel([tombstone()])
                await asyncio.sleep(0.02)
                return (await unit.lock(["o-1"]))["o-1"].captured_minor == 1000

        async def charge() -> bool:
            async with store.unit() as unit:
                recorded = await unit.record([paid()])
                await asyncio.sleep(0.02)
                return bool(recorded.late)

        both = [cancel, charge] if cancelled_first else [charge, cancel]
        seen = await asyncio.gather(*map(retry_on_conflict, both))
        assert sum(seen) == 1, "exactly one of the two must find the money and owe it"

    async def test_refunds_are_owed_then_given_once(self, store: PaymentStore) -> None:
        await record(store, paid(), paid("o-2"))
        owed = [refund("return:a", 300), refund("return:b", 700), refund("cancel:o-2", 1000, "o-2")]
        async with store.unit() as unit:
            await unit.lock(["o-1", "o-2"])
            assert await unit.known_refunds({"return:a"}) == set()
            await unit.owe(owed)
            assert await unit.known_refunds({"return:a", "return:z"}) == {"return:a"}
            locked = await unit.lock(["o-1"])
        assert (locked["o-1"].owed_minor, locked["o-1"].refunded_minor) == (1000, 0)
        assert await store.refunds(["return:b", "return:z"]) == {"return:b": owed[1]}
        async with store.unit() as unit:
            given = await unit.give({"return:a": "r-1", "unknown": "r-9"})
            assert list(given) == [replace(owed[0], refund_id="r-1")]
            assert list(await unit.give({"return:a": "r-2"})) == []
            assert (await unit.lock(["o-1"]))["o-1"].state is PaymentState.CAPTURED
            assert len(await unit.give({"return:b": "r-3", "cancel:o-2": "r-4"})) == 2
        page = await store.page("", 10)
        assert [(p.state, p.refunded_minor) for p in page] == [(PaymentState.REFUNDED, 1000)] * 2
        assert (await store.refunds(["return:a"]))["return:a"].refund_id == "r-1"

    async def test_two_refunds_of_one_payment_given_in_one_batch_add_up(self, store: PaymentStore) -> None:
        await record(store, paid())
        async with store.unit() as unit:
            await unit.owe([refund("return:a", 300), refund("return:b", 200)])
            await unit.give({"return:a": "r-1", "return:b": "r-2"})
        assert [(p.owed_minor, p.refunded_minor) for p in await store.page("", 10)] == [(500, 500)]

    async def test_an_event_is_told_a_payment_once(self, store: PaymentStore) -> None:
        await record(store, paid())
        first, second = uuid7(), uuid7()
        async with store.unit() as unit:
            assert await unit.say_again({"unknown": first}) == []
            assert [payment.order_id for payment in await unit.say_again({"o-1": first})] == ["o-1"]
            assert list(await unit.say_again({"o-1": first})) == []
        async with store.unit() as unit:
            assert len(await unit.say_again({"o-1": second})) == 1
            assert list(await unit.say_again({"o-1": first})) == []

    async def test_pages_go_by_the_bytes_of_the_order_ids(self, store: PaymentStore) -> None:
        order_ids = ["b", "A", "a", "_", "10", "9", "a-1", "a.1", "Z"]
        await record(store, *(paid(order_id) for order_id in sorted(order_ids)))
        seen: list[str] = []
        while page := await store.page(seen[-1] if seen else "", 4):
            seen += [payment.order_id for payment in page]
        assert seen == sorted(order_ids)

    async def test_the_checkpoint_moves_for_whoever_saw_it_last(self, store: PaymentStore) -> None:
        first, second = Checkpoint(START, "o-1"), Checkpoint(START, "o-2")
        assert await store.checkpoint() is None
        async with store.unit() as unit:
            assert await unit.advance(None, first)
        async with store.unit() as unit:
            assert not await unit.advance(None, second)
            assert await unit.advance(first, second)
            assert not await unit.advance(first, second)
        assert await store.checkpoint() == second

    async def test_captured_payments_come_in_the_order_of_making(self, store: PaymentStore, clock: ManualClock) -> None:
        await record(store, paid("b"), paid("c"))
        clock.advance(1.0)
        await record(store, paid("a"), replace(tombstone("t"), payment_id=None))
        clock.advance(1.0)
        await record(store, paid("young"))
        before = START + timedelta(seconds=2)
        first = await store.captured_after(None, before, 2)
        assert [payment.order_id for payment in first] == ["b", "c"]
        rest = await store.captured_after(Checkpoint(START, "c"), before, 10)
        assert [payment.order_id for payment in rest] == ["a"]

    async def test_kept_payments_come_when_they_are_due(self, store: PaymentStore) -> None:
        await record(store, paid("a"), paid("b"), paid("c"))
        soon, later = START + timedelta(seconds=5), START + timedelta(seconds=9)
        async with store.unit() as unit:
            await unit.keep(["a", "b"], soon)
            await unit.keep(["b", "c"], later)
        assert [payment.order_id for payment in await store.kept(soon, 10)] == ["a"]
        assert [payment.order_id for payment in await store.kept(later, 2)] == ["a", "b"]
        async with store.unit() as unit:
            await unit.forget(["a", "b"])
        assert [payment.order_id for payment in await store.kept(later, 10)] == ["c"]
