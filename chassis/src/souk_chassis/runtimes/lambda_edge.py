"""What stands before the services on AWS beside API Gateway: the authorizer, and the routes that are no service's."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.aws.errors import RequestRefusedError
from souk_chassis.aws.functions import Functions
from souk_chassis.errors import SoukError
from souk_chassis.http.exchange import Answer, caller_of, failed
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.edge import READING, Edge
from souk_chassis.runtimes.lambda_http import Incoming, as_proxy_answer, read_event

if TYPE_CHECKING:  # whoever is given one has it imported
    from souk_chassis.runtimes.lambda_legacy import LegacyFunction

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


Asking = Callable[[float], Awaitable[str | None]]
"""Asks a service, for so many seconds, whether it is ready. Returns what it misses, or why it can't be asked."""


class GatewayFunction:
    """Answers what API Gateway routes to no service. `services` has by name how each is asked whether it is ready;
    `legacy` gets what is nowhere."""

    def __init__(
        self, edge: Edge, services: Mapping[str, Asking], log: Log, legacy: "LegacyFunction | None" = None
    ) -> None:
        self._edge = edge
        self._services = services
        self._log = log
        self._legacy = legacy

    async def __call__(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The answer to a proxy event."""
        incoming = read_event(event)
        if self._legacy is not None and self._edge.knows_nothing_of(incoming.path, incoming.method):
            return await self._legacy(incoming, deadline)
        page = self._edge.pages.get(incoming.path)
        readable = incoming.method in READING
        try:
            if page is not None and readable:
                headers = [(name.encode(), value.encode()) for name, value in page.headers.items()]
                answer: Answer = 200, headers, self._edge.read(page)
            else:
                answer = await self._answer(incoming, deadline, readable=readable)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            traceparent = accept_traceparent(incoming.headers.get("traceparent"))
            answer = failed(error, traceparent, self._log, incoming.path)
        if incoming.method == "HEAD":
            answer = (*answer[:2], b"")
        return as_proxy_answer(answer, binary=page is not None)

    async def _answer(self, incoming: Incoming, deadline: Deadline, *, readable: bool) -> Answer:
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if readable and incoming.path in self._edge.fixed:
            return 200, headers, self._edge.fixed[incoming.path]
        if readable and incoming.path == "/ready":
            missing = await self._missing(deadline.tighten(READY_TIMEOUT_S).remaining_s)
            answer: dict[str, Any] = {"status": "unready" if missing else "ready", "missing": missing}
            if self._legacy is not None and (trouble := self._legacy.trouble):
                answer["degraded"] = {"legacy": trouble}
            body = wire.encode(answer)
            return 503 if missing else 200, headers, body
        traceparent = accept_traceparent(incoming.headers.get("traceparent"))
        return self._edge.refuse(incoming.path, incoming.method, traceparent)

    async def _missing(self, timeout_s: float) -> dict[str, str]:
        names = list(self._services)
        answers = await asyncio.gather(*(self._services[name](timeout_s) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}


def asking(functions: Functions, function: str, log: Log) -> Asking:
    """Asks a service that is functions, by its own one."""

    async def ask(timeout_s: float) -> str | None:
        try:
            invoked = await functions.invoke(function, READY, timeout_s=timeout_s)
            answer = wire.decode(invoked.payload, dict[str, Any])
        except SoukError as error:
            return error.detail
        except RequestRefusedError as error:
            log.error("a function can't be asked", error=error, function=function)
            return "it can't be asked"
        except wire.UNREADABLE:
            return "it answered what can't be read"
        return "it broke off" if invoked.function_error else answer.get("missing")

    return ask
