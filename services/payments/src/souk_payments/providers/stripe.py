"""Stripe as the payment provider, over its REST API (https://docs.stripe.com/api).

A charge is a PaymentIntent made and confirmed in one request, found again by its metadata. Idempotency keys make
repeats safe for 24 hours; search shows a new intent within an hour, so that one of the two always answers.
"""

from collections.abc import Mapping
from typing import TypeVar

import aiohttp
import msgspec

from souk_chassis.errors import ErrorKind, SoukError, conflict, invalid, timeout_unknown, too_many, unavailable
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.providers.stripe_amounts import from_stripe, to_stripe
from souk_payments.records import Refund

T = TypeVar("T")

MAX_CONNECTIONS = 256
"""As many as the pipeline lets through at once."""
TIMEOUT = aiohttp.ClientTimeout(total=30.0, connect=2.0)
"""A guard: the pipeline's time-out is shorter, and cancels the request."""
ORDER_PARAMETERS = frozenset({"amount", "currency", "payment_method"})
"""Parameters that come from the order: where Stripe refuses one, the order can't be paid."""


class PaymentError(msgspec.Struct, frozen=True):
    """Stripe's error object, as far as it is read (https://docs.stripe.com/api/errors)."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    message: str | None = None


class _Failed(msgspec.Struct, frozen=True):
    error: PaymentError


class Intent(msgspec.Struct, frozen=True):
    """A PaymentIntent, as far as it is read (https://docs.stripe.com/api/payment_intents/object)."""

    id: str
    status: str
    amount: int
    currency: str
    metadata: dict[str, str] = {}
    last_payment_error: PaymentError | None = None


class _Intents(msgspec.Struct, frozen=True):
    data: list[Intent]


class RefundObject(msgspec.Struct, frozen=True):
    """A Refund, as far as it is read (https://docs.stripe.com/api/refunds/object)."""

    id: str
    amount: int
    status: str | None = None
    metadata: dict[str, str] = {}


class _Refunds(msgspec.Struct, frozen=True):
    data: list[RefundObject]
    has_more: bool = False


class StripeError(Exception):
    """An answer that is an error, before it is decided what that means."""

    def __init__(self, status: int, error: PaymentError, retry_after_s: float | None) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s


class Stripe:
    """See `souk_payments.ports.PaymentProvider`. `key` is the secret key, `url` the API's address."""

    def __init__(self, key: str, url: str) -> None:
        self._headers = {"authorization": f"Bearer {key}"}
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def charge(self, charge: Charge) -> Captured | Declined:
        """See the port."""
        amount = to_stripe(charge.amount_minor, charge.currency)
        if amount is None:
            return Declined("amount_not_in_currency")
        form = {
            "amount": str(amount),
            "currency": charge.currency.lower(),
            "payment_method": charge.method,
            "payment_method_types[]": "card",
            "capture_method": "automatic",
            "confirm": "true",
            "off_session": "true",
            "error_on_requires_action": "true",
            "metadata[order_id]": charge.order_id,
        }
        try:
            body = await self._send("POST", "/v1/payment_intents", form=form, key=charge.key)
        except StripeError as failed:
            declined = _declined(failed)
            if declined is not None:
                return declined
            raise _refusal(failed, wrote=True) from failed
        outcome = outcome_of(_read(body, Intent))
        if outcome is None:
            raise timeout_unknown("charge_unfinished", "Stripe has the charge, and has not confirmed it.")
        return outcome

    async def find(self, order_id: str) -> Captured | Declined | None:
        """See the port. An intent that search does not show yet is safe: a repeat with its key gets its answer."""
        query = {"query": f"metadata['order_id']:'{order_id}'", "limit": "100"}
        try:
            body = await self._send("GET", "/v1/payment_intents/search", query=query)
        except StripeError as failed:
            raise _refusal(failed, wrote=False) from failed
        intents = [intent for intent in _read(body, _Intents).data if intent.metadata.get("order_id") == order_id]
        outcomes = [outcome_of(intent) for intent in intents]
        captured = [outcome for outcome in outcomes if isinstance(outcome, Captured)]
        declined = [outcome for outcome in outcomes if isinstance(outcome, Declined)]
        return (captured or declined or [None])[0]

    async def refund(self, refund: Refund) -> str:
        """See the port. Asks first: a key that Stripe has forgotten would refund part of a payment twice."""
        try:
            done = await self._find_refund(refund)
            if done is None:
                form = {
                    "payment_intent": refund.payment_id,
                    "amount": str(to_stripe(refund.amount_minor, refund.currency)),
                    "metadata[order_id]": refund.order_id,
                    "metadata[refund_key]": refund.refund_key,
                }
                done = _read(await self._send("POST", "/v1/refunds", form=form, key=refund.refund_key), RefundObject)
        except StripeError as failed:
            raise _refusal(failed, wrote=True) from failed
        if done.status in {"failed", "canceled"}:
            raise conflict("refund_failed", f"Stripe could not give the money back: refund {done.id}.")
        return done.id

    async def _find_refund(self, refund: Refund) -> RefundObject | None:
        query = {"payment_intent": refund.payment_id, "limit": "100"}
        while True:
            page = _read(await self._send("GET", "/v1/refunds", query=query), _Refunds)
            for known in page.data:
                if known.metadata.get("refund_key") == refund.refund_key:
                    return known
            if not page.has_more or not page.data:
                return None
            query["starting_after"] = page.data[-1].id

    async def books(self, after_order_id: str, limit: int) -> None:  # noqa: ARG002 - the port's
        """None: Stripe lists nothing by our order ids. Compare with its balance reports."""
        return

    async def close(self) -> None:
        """See the port."""
        if self._session is not None:
            await self._session.close()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> bytes:
        """Raises StripeError for an error's answer, SoukError where there is none."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=60)
            self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)
        headers = self._headers if key is None else {**self._headers, "idempotency-key": key}
        try:
            async with self._session.request(
                method, self._url + path, data=form, params=query, headers=headers
            ) as response:
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unavailable("stripe_unreachable", "Stripe can't be reached.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if method == "GET":
                raise unavailable("stripe_silent", "Stripe gave no whole answer.") from error
            raise timeout_unknown("stripe_silent", "Stripe gave no whole answer.") from error
        if response.status >= 400:
            raise StripeError(response.status, _error(body), _retry_after_s(response.headers.get("retry-after", "")))
        return body


def outcome_of(intent: Intent) -> Captured | Declined | None:
    """What an intent's status means (https://docs.stripe.com/payments/paymentintents/lifecycle). None: not confirmed.

    Raises SoukError `timeout_unknown` where Stripe itself waits for the outcome.
    """
    failed = intent.last_payment_error
    match intent.status:
        case "succeeded":
            return Captured(intent.id, from_stripe(intent.amount, intent.currency))
        case "processing":
            raise timeout_unknown("charge_processing", "Stripe does not know yet whether the charge succeeds.")
        case "canceled":
            return Declined("canceled")
        case "requires_action":
            return Declined("authentication_required")
        case "requires_payment_method" if failed is not None:
            return Declined(failed.decline_code or failed.code or "card_declined")
        case _:
            return None


def _declined(failed: StripeError) -> Declined | None:
    """The decline that an error's answer to a charge tells; None where it is something else."""
    error = failed.error
    if failed.status == 402 or error.type == "card_error":
        return Declined(error.decline_code or error.code or "card_declined")
    if failed.status == 404 or error.code == "resource_missing":
        return Declined("unknown_payment_method")
    if failed.status == 400 and error.param in ORDER_PARAMETERS:
        return Declined(error.code or f"{error.param}_refused")
    return None


def _refusal(failed: StripeError, *, wrote: bool) -> SoukError:
    """What any other error's answer means (https://docs.stripe.com/error-low-level). `wrote`: it may have changed
    something, so that a failure on Stripe's side leaves the outcome open."""
    status, error = failed.status, failed.error
    detail = f"Stripe answered with status {status}, {error.code or error.type or 'no code'}."
    if status == 429:
        return too_many("stripe_rate_limit", detail, retry_after_s=failed.retry_after_s)
    if status in {401, 403}:
        return unavailable("stripe_key_refused", detail)
    if status >= 500:
        kind = ErrorKind.TIMEOUT_UNKNOWN if wrote else ErrorKind.UNAVAILABLE
        return SoukError(kind, "stripe_failed", detail)
    if status == 409:  # idempotency_key_in_use: the same request is under way, and its outcome open
        return timeout_unknown(error.code or "stripe_conflict", detail)
    if error.type == "idempotency_error":
        return conflict("key_reused", detail)
    if error.code == "charge_already_refunded" or error.param == "amount":  # a charge's amount is looked at before
        return conflict("more_than_captured", detail)
    return invalid("stripe_refused", detail)


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise timeout_unknown("stripe_unreadable", "Stripe's answer can't be read.") from error


def _error(body: bytes) -> PaymentError:
    try:
        return msgspec.json.decode(body, type=_Failed).error
    except msgspec.MsgspecError:
        return PaymentError()


def _retry_after_s(header: str) -> float | None:
    return float(header) if header.isdigit() else None
