"""A small server with the shapes of Stripe's API reference, and the programs that the provider tests talk to."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

SECRET = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
"""The key of Stripe's own examples."""

CARD_ERRORS = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_authenticationRequired": ("authentication_required", "authentication_required"),
}
"""Stripe's test payment methods, with the code and decline code that each gets (https://docs.stripe.com/testing)."""


def invalid_request(message: str, **more: str) -> dict[str, Any]:
    """The body of an `invalid_request_error` (https://docs.stripe.com/api/errors)."""
    return {"error": {"type": "invalid_request_error", "message": message, **more}}


class FakeStripe:
    """Answers as the API reference shows, keeps what it is told, and fails when told to."""

    def __init__(self) -> None:
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.requests: list[tuple[str, str, dict[str, str], Mapping[str, str]]] = []
        self.failures: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        """Answers to give instead, first to last, before anything is done."""
        self.answers_lost = 0
        """How many requests are done, and then cut off without an answer."""
        self.searchable = True
        self.url = ""
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._serve)
        self._handlers = {
            ("POST", "/v1/payment_intents"): self._charge,
            ("GET", "/v1/payment_intents/search"): self._search,
            ("POST", "/v1/refunds"): self._refund,
            ("GET", "/v1/refunds"): self._list_refunds,
        }

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        form = {str(name): str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.method, request.path, form, request.headers))
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return web.json_response(invalid_request("Invalid API Key provided: sk_test_****"), status=401)
        if self.failures:
            status, body, headers = self.failures.pop(0)
            return web.json_response(body, status=status, headers=headers)
        status, answer = self._once(request, form)
        if self.answers_lost:
            self.answers_lost -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(answer, status=status)

    def _once(self, request: web.Request, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Idempotent requests (https://docs.stripe.com/api/idempotent_requests): the first answer again."""
        key, params = request.headers.get("Idempotency-Key"), json.dumps(form, sort_keys=True)
        if key in self.keys:
            known, status, body = self.keys[key]
            if known == params:
                return status, body
            message = "Keys for idempotent requests can only be used with the same parameters."
            return 400, {"error": {"type": "idempotency_error", "message": message}}
        status, body = self._handlers[request.method, request.path](request, form)
        if key is not None and request.method == "POST" and body.get("error", {}).get("code") != "resource_missing":
            self.keys[key] = (params, status, body)
        return status, body

    def _charge(self, _: web.Request, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        method = form["payment_method"]
        if int(form["amount"]) < 30:
            message = "Amount must be at least £0.30 gbp"
            return 400, invalid_request(message, code="amount_too_small", param="amount")
        if method not in CARD_ERRORS and not method.startswith("pm_card"):
            message = f"No such PaymentMethod: '{method}'"
            return 400, invalid_request(message, code="resource_missing", param="payment_method")
        metadata = {found[1]: value for name, value in form.items() if (found := re.match(r"metadata\[(.+)\]", name))}
        intent = {
            "id": f"pi_{len(self.intents):024}",
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "amount_received": int(form["amount"]),
            "capture_method": form["capture_method"],
            "currency": form["currency"],
            "last_payment_error": None,
            "livemode": False,
            "metadata": metadata,
            "payment_method": method,
            "status": "succeeded",
        }
        self.intents[str(intent["id"])] = intent
        if method not in CARD_ERRORS:
            return 200, intent
        code, decline_code = CARD_ERRORS[method]
        error: dict[str, Any] = {"type": "card_error", "code": code, "message": "Your card was declined."}
        if decline_code is not None:
            error["decline_code"] = decline_code
        intent |= {"status": "requires_payment_method", "amount_received": 0, "last_payment_error": error}
        self.intents[str(intent["id"])] = intent
        return 402, {"error": {**error, "charge": "ch_3LmjFA2eZvKYlo2C", "payment_intent": intent}}

    def _search(self, request: web.Request, _: dict[str, str]) -> tuple[int, dict[str, Any]]:
        found = re.fullmatch(r"metadata\['order_id'\]:'(.*)'", request.query["query"])
        assert found is not None
        intents = [intent for intent in self.intents.values() if intent["metadata"].get("order_id") == found[1]]
        return 200, {
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "has_more": False,
            "data": intents if self.searchable else [],
        }

    def _refund(self, _: web.Request, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        intent, amount = self.intents[form["payment_intent"]], int(form["amount"])
        left = intent["amount_received"] - sum(
            refund["amount"] for refund in self.refunds.values() if refund["payment_intent"] == intent["id"]
        )
        if left == 0:
            return 400, invalid_request("Charge ch_1 has already been refunded.", code="charge_already_refunded")
        if amount > left:
            message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            return 400, invalid_request(message, param="amount")
        refund = {
            "id": f"re_{len(self.refunds):024}",
            "object": "refund",
            "amount": amount,
            "charge": "ch_1NirD82eZvKYlo2CIvbtLWuY",
            "currency": intent["currency"],
            "metadata": {"order_id": form["metadata[order_id]"], "refund_key": form["metadata[refund_key]"]},
            "payment_intent": intent["id"],
            "reason": None,
            "status": "succeeded",
        }
        self.refunds[str(refund["id"])] = refund
        return 200, refund

    def _list_refunds(self, request: web.Request, _: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Newest first, two on a page, so that pages are turned."""
        of_intent = [r for r in self.refunds.values() if r["payment_intent"] == request.query["payment_intent"]]
        newest = list(reversed(of_intent))
        after = request.query.get("starting_after")
        start = next(i for i, refund in enumerate(newest) if refund["id"] == after) + 1 if after else 0
        page = newest[start : start + 2]
        return 200, {"object": "list", "url": "/v1/refunds", "has_more": len(newest) > start + 2, "data": page}


@pytest.fixture
async def fake_stripe() -> AsyncIterator[FakeStripe]:
    fake = FakeStripe()
    server = TestServer(fake.app)
    await server.start_server()
    fake.url = str(server.make_url("/"))
    yield fake
    await server.close()
