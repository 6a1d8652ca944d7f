"""The Stripe adapter: what it sends, what it makes of each answer, and a trial against localstripe."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.hosts.listening import free_port
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.providers.stripe import Stripe
from souk_payments.records import Refund

SECRET = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
CARD = "pm_card_visa"
Fake = Any
"""The class of the fixture `fake_stripe`: its module can't be imported from here."""


def refund_of(key: str, payment: Captured, amount_minor: int) -> Refund:
    return Refund(
        refund_key=key, order_id="o-1", payment_id=payment.payment_id, amount_minor=amount_minor, currency="GBP"
    )


def charge(order_id: str = "o-1", method: str = CARD, amount_minor: int = 1000, currency: str = "GBP") -> Charge:
    return Charge(order_id, order_id, amount_minor, currency, method)


async def refused(asked: Awaitable[Any]) -> SoukError:
    with pytest.raises(SoukError) as raised:
        await asked
    return raised.value


def failure(status: int, type_: str, code: str | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """An error's answer as the API reference shows it."""
    error = {"type": type_, "message": "It went wrong."} | ({"code": code} if code else {})
    return status, {"error": error}, headers


@pytest.fixture
async def stripe(fake_stripe: Fake) -> AsyncIterator[Stripe]:
    provider = Stripe(SECRET, fake_stripe.url)
    yield provider
    await provider.close()


async def test_a_charge_is_sent_as_the_reference_says(stripe: Stripe, fake_stripe: Fake) -> None:
    outcome = await stripe.charge(charge(amount_minor=1234))
    method, path, form, headers = fake_stripe.requests[0]
    assert (method, path) == ("POST", "/v1/payment_intents")
    assert headers["Idempotency-Key"] == "o-1"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form == {
        "amount": "1234",
        "currency": "gbp",
        "payment_method": CARD,
        "payment_method_types[]": "card",
        "capture_method": "automatic",
        "confirm": "true",
        "off_session": "true",
        "error_on_requires_action": "true",
        "metadata[order_id]": "o-1",
    }
    assert isinstance(outcome, Captured)
    assert outcome.amount_minor == 1234


async def test_a_refund_is_sent_as_the_reference_says(stripe: Stripe, fake_stripe: Fake) -> None:
    payment = await stripe.charge(charge())
    assert isinstance(payment, Captured)
    await stripe.refund(refund_of("return:r-1", payment, 250))
    method, path, form, headers = fake_stripe.requests[-1]
    assert (method, path) == ("POST", "/v1/refunds")
    assert headers["Idempotency-Key"] == "return:r-1"
    assert form["amount"] == "250"
    assert form["payment_intent"] == payment.payment_id


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required"),
        ("tok_ok", "unknown_payment_method"),
    ],
)
async def test_a_card_error_is_a_decline(stripe: Stripe, method: str, reason: str) -> None:
    assert await stripe.charge(charge(method=method)) == Declined(reason)


async def test_an_amount_that_stripe_does_not_take_is_a_decline(stripe: Stripe) -> None:
    assert await stripe.charge(charge(amount_minor=29)) == Declined("amount_too_small")
    assert await stripe.charge(charge(amount_minor=150, currency="JPY")) == Declined("amount_not_in_currency")


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (failure(409, "idempotency_error", "idempotency_key_in_use"), "timeout_unknown", "idempotency_key_in_use"),
        (failure(429, "invalid_request_error", "rate_limit", **{"Retry-After": "7"}), "too_many", "stripe_rate_limit"),
        (failure(429, "invalid_request_error", "lock_timeout"), "too_many", "stripe_rate_limit"),
        (failure(500, "api_error"), "timeout_unknown", "stripe_failed"),
        (failure(503, "api_error"), "timeout_unknown", "stripe_failed"),
        (failure(401, "invalid_request_error"), "unavailable", "stripe_key_refused"),
        (failure(403, "invalid_request_error"), "unavailable", "stripe_key_refused"),
        (failure(400, "idempotency_error"), "conflict", "key_reused"),
        (failure(400, "invalid_request_error", "parameter_unknown"), "invalid", "stripe_refused"),
        ((502, "<html>Bad gateway</html>", {}), "timeout_unknown", "stripe_failed"),
        ((200, "no intent", {}), "timeout_unknown", "stripe_unreadable"),
    ],
)
async def test_errors_become_kinds(stripe: Stripe, fake_stripe: Fake, answer: Any, kind: str, code: str) -> None:
    fake_stripe.failures.append(answer)
    error = await refused(stripe.charge(charge()))
    assert (error.kind, error.code) == (kind, code)
    assert error.retry_after_s == (7.0 if "Retry-After" in answer[2] else None)


async def test_a_question_that_fails_changes_nothing(stripe: Stripe, fake_stripe: Fake) -> None:
    fake_stripe.failures.append(failure(500, "api_error"))
    assert (await refused(stripe.find("o-1"))).kind is ErrorKind.UNAVAILABLE


async def test_a_lost_answer_is_unknown_and_found(stripe: Stripe, fake_stripe: Fake) -> None:
    fake_stripe.answers_lost = 1
    assert (await refused(stripe.charge(charge()))).kind is ErrorKind.TIMEOUT_UNKNOWN
    assert isinstance(await stripe.find("o-1"), Captured)


async def test_what_search_does_not_show_yet_is_charged_once_by_its_key(stripe: Stripe, fake_stripe: Fake) -> None:
    fake_stripe.answers_lost, fake_stripe.searchable = 1, False
    await refused(stripe.charge(charge()))
    assert await stripe.find("o-1") is None
    assert isinstance(await stripe.charge(charge()), Captured)
    assert len(fake_stripe.intents) == 1


async def test_a_refund_is_done_once_even_when_stripe_has_forgotten_its_key(stripe: Stripe, fake_stripe: Fake) -> None:
    payment = await stripe.charge(charge())
    assert isinstance(payment, Captured)
    refunds = [refund_of(f"return:{i}", payment, 100) for i in range(5)]
    done = [await stripe.refund(refund) for refund in refunds]
    fake_stripe.keys.clear()
    assert [await stripe.refund(refund) for refund in refunds] == done
    assert len(fake_stripe.refunds) == 5


async def test_a_refund_that_failed_at_the_bank_is_a_conflict(stripe: Stripe, fake_stripe: Fake) -> None:
    payment = await stripe.charge(charge())
    assert isinstance(payment, Captured)
    refund = refund_of("return:r-1", payment, 100)
    refund_id = await stripe.refund(refund)
    fake_stripe.refunds[refund_id]["status"] = "failed"
    error = await refused(stripe.refund(refund))
    assert (error.kind, error.code) == (ErrorKind.CONFLICT, "refund_failed")


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("canceled", Declined("canceled")),
        ("requires_action", Declined("authentication_required")),
        ("requires_confirmation", None),
        ("requires_payment_method", None),
    ],
)
async def test_statuses_that_took_no_money(
    stripe: Stripe, fake_stripe: Fake, status: str, found: Declined | None
) -> None:
    await stripe.charge(charge())
    next(iter(fake_stripe.intents.values()))["status"] = status
    assert await stripe.find("o-1") == found


async def test_a_charge_that_stripe_still_works_on_is_unknown(stripe: Stripe, fake_stripe: Fake) -> None:
    await stripe.charge(charge())
    next(iter(fake_stripe.intents.values()))["status"] = "processing"
    assert (await refused(stripe.find("o-1"))).kind is ErrorKind.TIMEOUT_UNKNOWN
    assert (await refused(stripe.charge(charge()))).kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_stripe_that_is_not_there_is_unavailable() -> None:
    provider = Stripe(SECRET, f"http://127.0.0.1:{free_port()}")
    assert (await refused(provider.charge(charge()))).kind is ErrorKind.UNAVAILABLE
    await provider.close()


async def test_books_are_not_to_be_had(stripe: Stripe) -> None:
    assert await stripe.books("", 10) is None


@pytest.fixture
async def localstripe() -> AsyncIterator[str]:
    """localstripe in a process of its own. Returns its address."""
    program = Path(__file__).with_name("localstripe_server.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    port = int(await asyncio.wait_for(process.stdout.readline(), 30))
    yield f"http://127.0.0.1:{port}"
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)


async def test_localstripe_charges_declines_and_refunds(localstripe: str) -> None:
    provider = Stripe(SECRET, localstripe)
    payment = await provider.charge(charge())
    assert isinstance(payment, Captured)
    assert payment.amount_minor == 1000
    assert await provider.charge(charge("o-2", "pm_card_chargeCustomerFail")) == Declined("card_declined")
    assert await provider.charge(charge("o-3", "pm_of_nobody")) == Declined("unknown_payment_method")
    first = await provider.refund(refund_of("return:a", payment, 300))
    assert await provider.refund(refund_of("return:a", payment, 300)) == first
    assert await provider.refund(refund_of("return:b", payment, 700)) != first
    async with aiohttp.ClientSession(localstripe, headers={"authorization": f"Bearer {SECRET}"}) as session:
        stored = await (await session.get(f"/v1/payment_intents/{payment.payment_id}")).json()
    assert stored["status"] == "succeeded"
    assert stored["metadata"] == {"order_id": "o-1"}
    assert stored["charges"]["data"][0]["amount_refunded"] == 1000
    await provider.close()


async def test_localstripe_wants_a_key(localstripe: str) -> None:
    provider = Stripe("nonsense", localstripe)
    assert (await refused(provider.charge(charge()))).code == "stripe_key_refused"
    await provider.close()
