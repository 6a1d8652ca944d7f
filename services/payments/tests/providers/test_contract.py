"""The contract of payment providers, on the sandbox with each engine, and on Stripe."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from souk_chassis.clock import SystemClock
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.testing.records import ENGINES, NewDatabase, records_on
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.ports import PaymentProvider
from souk_payments.providers.sandbox import Sandbox
from souk_payments.providers.sandbox_books import SandboxBooks
from souk_payments.providers.stripe import Stripe
from souk_payments.records import Refund, SandboxOrder


@dataclass
class Case:
    """A provider, with the names of its test payment methods."""

    provider: PaymentProvider
    ok: str = "tok_ok"
    declined: str = "tok_declined"
    no_money: str = "tok_insufficient_funds"

    def charge(self, order_id: str = "o-1", amount_minor: int = 1000, method: str | None = None) -> Charge:
        return Charge(order_id, order_id, amount_minor, "GBP", method or self.ok)

    async def captured(self, order_id: str = "o-1") -> Captured:
        outcome = await self.provider.charge(self.charge(order_id))
        assert isinstance(outcome, Captured)
        return outcome


@pytest.fixture(params=[*ENGINES, "stripe"])
async def case(request: pytest.FixtureRequest, new_database: NewDatabase, fake_stripe: Any) -> AsyncIterator[Case]:
    store = None
    if request.param != "stripe":
        store = await records_on(request.param, [SandboxOrder], SystemClock(), new_database)
        made = Case(Sandbox(SandboxBooks(store)))
    else:
        stripe = Stripe("sk_test_4eC39HqLyjWDarjtT1zdp7dc", fake_stripe.url)
        declined = "pm_card_visa_chargeDeclined"
        made = Case(stripe, "pm_card_visa", declined, f"{declined}InsufficientFunds")
    yield made
    await made.provider.close()
    if store is not None:
        await store.close()


def refund_of(payment: Captured, key: str, amount_minor: int, order_id: str = "o-1") -> Refund:
    return Refund(
        refund_key=key, order_id=order_id, payment_id=payment.payment_id, amount_minor=amount_minor, currency="GBP"
    )


class TestPaymentProviderContract:
    """What every provider must do."""

    async def test_the_same_key_charges_once(self, case: Case) -> None:
        first = await case.provider.charge(case.charge())
        assert isinstance(first, Captured)
        assert first.amount_minor == 1000
        assert await case.provider.charge(case.charge()) == first

    async def test_orders_are_charged_apart(self, case: Case) -> None:
        assert (await case.captured("a")).payment_id != (await case.captured("b")).payment_id

    async def test_a_decline_has_a_reason_and_stays(self, case: Case) -> None:
        refused = await case.provider.charge(case.charge(method=case.declined))
        assert isinstance(refused, Declined)
        assert await case.provider.charge(case.charge(method=case.declined)) == refused
        assert await case.provider.find("o-1") == refused
        no_money = await case.provider.charge(case.charge("o-2", method=case.no_money))
        assert no_money == Declined("insufficient_funds")

    async def test_an_unknown_payment_method_is_declined(self, case: Case) -> None:
        assert await case.provider.charge(case.charge(method="nonsense")) == Declined("unknown_payment_method")

    async def test_a_key_with_another_amount_is_refused(self, case: Case) -> None:
        await case.captured()
        with pytest.raises(SoukError) as refused:
            await case.provider.charge(case.charge(amount_minor=999))
        assert (refused.value.kind, refused.value.code) == (ErrorKind.CONFLICT, "key_reused")
        assert await case.provider.find("o-1") == await case.provider.charge(case.charge())

    async def test_a_charge_is_found_by_its_order(self, case: Case) -> None:
        payment = await case.captured()
        assert await case.provider.find("o-1") == payment
        assert await case.provider.find("o-2") is None

    async def test_the_same_key_refunds_once(self, case: Case) -> None:
        payment = await case.captured()
        first = await case.provider.refund(refund_of(payment, "return:a", 300))
        assert await case.provider.refund(refund_of(payment, "return:a", 300)) == first
        assert await case.provider.refund(refund_of(payment, "return:b", 300)) != first
        assert await case.provider.refund(refund_of(payment, "return:c", 300)) not in {None, first}
        assert await case.provider.refund(refund_of(payment, "cancel:o-1", 100))

    async def test_no_more_is_refunded_than_was_captured(self, case: Case) -> None:
        payment = await case.captured()
        await case.provider.refund(refund_of(payment, "return:a", 300))
        with pytest.raises(SoukError) as refused:
            await case.provider.refund(refund_of(payment, "return:b", 701))
        assert (refused.value.kind, refused.value.code) == (ErrorKind.CONFLICT, "more_than_captured")
        assert await case.provider.refund(refund_of(payment, "return:c", 700))
        with pytest.raises(SoukError) as refused:
            await case.provider.refund(refund_of(payment, "return:d", 1))
        assert (refused.value.kind, refused.value.code) == (ErrorKind.CONFLICT, "more_than_captured")
