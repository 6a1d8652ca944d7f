"""The payments store and the sandbox's books on Amazon's own DynamoDB Local: the same suites as on the model."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from souk_chassis.clock import SystemClock
from souk_chassis.errors import SoukError
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.testing.clock import ManualClock
from souk_payments.consumers import cancel_payments, refund_returns
from souk_payments.domain import Captured, Refund
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Sandbox
from souk_payments.providers.sandbox_dynamodb import DynamoBooks
from souk_payments.storage.dynamodb import DynamoPaymentStore
from souk_payments.tables import SANDBOX_TABLES, TABLES
from tests.infra.conftest import contract

_storage = contract("payments", "test_storage")
_provider = contract("payments", "providers/test_contract")
Desk: Any = contract("payments", "conftest").Desk
TestPaymentStoreContract = _storage.TestPaymentStoreContract
TestPaymentProviderContract = _provider.TestPaymentProviderContract


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(_storage.START)


@pytest.fixture
def tables() -> Iterable[Table]:
    return (*TABLES, *SANDBOX_TABLES)


@pytest.fixture
async def store(client: DynamoClient, clock: ManualClock) -> DynamoPaymentStore:
    return DynamoPaymentStore(client, clock)


@pytest.fixture
async def case(client: DynamoClient) -> Any:
    return _provider.Case(Sandbox(DynamoBooks(client, SystemClock())))


async def test_a_batch_of_several_transactions_is_kept_and_told_once(client: DynamoClient, clock: ManualClock) -> None:
    desk, ids = Desk(client, clock), [f"o-{number:03}" for number in range(250)]
    charges = Desk.heard(*map(Desk.reserved, ids))
    await desk.charge(charges)
    await desk.hear(cancel_payments, Desk.heard(*map(Desk.cancelled, ids[::2])))
    await desk.hear(refund_returns, Desk.heard(*(Desk.returned("o-001", f"r-{number}") for number in range(150))))
    await desk.refund(await desk.owed())
    before = await desk.books()
    await desk.charge(charges)
    await desk.refund(await desk.owed())
    assert await desk.books() == before
    payments = {payment.order_id: payment for payment in before[0]}
    assert len(payments) == 250
    assert {payments[order_id].refunded_minor for order_id in ids[::2]} == {1000}
    assert (payments["o-001"].refunded_minor, payments["o-003"].refunded_minor) == (750, 0)
    captured = await desk.store.captured_after(None, SystemClock().now(), 500)
    assert [payment.order_id for payment in captured] == ids[1::2]


async def test_processes_at_the_same_orders_give_back_all_and_no_more(client: DynamoClient) -> None:
    ids = [f"o-{number:02}" for number in range(20)]
    charges, gone = Desk.heard(*map(Desk.reserved, ids)), Desk.heard(*map(Desk.cancelled, ids))
    desks = [Desk(client, ManualClock(Desk.START), seed) for seed in range(8)]

    async def until_done(desk: Any, number: int) -> None:
        while True:
            try:
                await (desk.charge(charges) if number % 2 else desk.hear(cancel_payments, gone))
                await desk.refund(await desk.owed())
                return
            except SoukError as error:
                assert isinstance(error, CollisionError)  # noqa: PT017 - as a queue delivers it again

    await asyncio.gather(*(until_done(desk, number) for number, desk in enumerate(desks)))
    await desks[0].refund(await desks[0].owed())
    payments, refunds, _ = await desks[0].books()
    assert {(payment.captured_minor, payment.refunded_minor) for payment in payments} == {(1000, 1000)}
    assert len(payments) == len(refunds) == 20


async def test_refunds_at_once_never_exceed_the_charge(client: DynamoClient, case: Any) -> None:
    here, there = case.provider, Sandbox(DynamoBooks(client, SystemClock()))
    payment = await here.charge(case.charge())
    assert isinstance(payment, Captured)
    refunds = [Refund(f"k-{number}", "o-1", payment.payment_id, 300, "GBP") for number in range(10)]
    asked = [(here, there)[number % 2].refund(refund) for number, refund in enumerate(refunds)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, str)]) == 3
    assert await here.books("", 10) == [ProviderBook("o-1", 1000, 900, 1)]
