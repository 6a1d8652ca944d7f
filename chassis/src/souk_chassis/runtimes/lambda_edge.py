"""What stands before the services on AWS beside API Gateway: the authorizer, and the routes that are no service's."""

import asyncio
from collections.abc import Mapping
from typing import Any

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.aws.functions import Functions
from souk_chassis.errors import SoukError
from souk_chassis.http.exchange import caller_of, failed
from souk_chassis.http.problem import EdgeError
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.lambda_http import as_proxy_answer, read_event

READY_TIMEOUT_S = 5.0
"""How long a service's function may take to say whether it is ready, in seconds."""
READY = b'{"souk":"ready"}'
"""What a service's function is asked so."""


class Authorizer:
    """API Gateway's Lambda authorizer: says who is calling, by the code that verifies tokens everywhere.

    It lets every request through, with the identity or with what is wrong with the token. API Gateway's own refusals
    have a form of their own; so the function refuses, in the shop's, before it reads anything of the request.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an authorizer event of payload 2.0, in the simple form."""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        try:
            identity = caller_of(headers, self._verifier).identity
        except SoukError as error:
            return {"isAuthorized": True, "context": {"code": error.code, "detail": error.detail}}
        facts = {"role": identity.role.value, "userId": identity.user_id, "orderId": identity.order_id}
        return {"isAuthorized": True, "context": {name: fact for name, fact in facts.items() if fact is not None}}


class GatewayFunction:
    """`/health`, `/ready`, the document and the public keys. `services` has each service's own function by name."""

    def __init__(
        self, document: bytes, jwks: bytes, functions: Functions, services: Mapping[str, str], log: Log
    ) -> None:
        self._pages = {"GET /openapi.json": document, "GET /.well-known/jwks.json": jwks}
        self._functions = functions
        self._services = services
        self._log = log

    async def __call__(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The answer to a proxy event."""
        incoming = read_event(event)
        try:
            status, body = await self._answer(incoming.route, deadline)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            traceparent = accept_traceparent(incoming.headers.get("traceparent"))
            return as_proxy_answer(failed(error, traceparent, self._log, incoming.path))
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        return as_proxy_answer((status, headers, body))

    async def _answer(self, route: str, deadline: Deadline) -> tuple[int, bytes]:
        if route == "GET /health":
            return 200, b'{"status":"ok"}'
        if route == "GET /ready":
            missing = await self._missing(deadline.tighten(READY_TIMEOUT_S).remaining_s)
            return (503 if missing else 200), wire.encode(
                {"status": "unready" if missing else "ready", "missing": missing}
            )
        if route in self._pages:
            return 200, self._pages[route]
        raise EdgeError(404, "no_such_route", "There is nothing here.")

    async def _missing(self, timeout_s: float) -> dict[str, str]:
        names = list(self._services)
        answers = await asyncio.gather(*(self._ask(self._services[name], timeout_s) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}

    async def _ask(self, function: str, timeout_s: float) -> str | None:
        try:
            invoked = await self._functions.invoke(function, READY, timeout_s=timeout_s)
            answer = wire.decode(invoked.payload, dict[str, Any])
        except SoukError as error:
            return error.detail
        except wire.UNREADABLE:
            return "it answered what can't be read"
        return "it broke off" if invoked.function_error else answer.get("missing")
