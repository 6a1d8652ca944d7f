"""The gateway beside API Gateway: the authorizer, and the function for every request that is no service's operation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError, RequestRefusedError
from souk_chassis.aws.functions import Functions
from souk_chassis.aws.transport import HttpRequest, Transport
from souk_chassis.edge.edge import Edge
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.http.exchange import caller_of
from souk_chassis.http.health import Check, check_readiness
from souk_chassis.http.proxy_event import as_proxy_answer, read_event
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline

if TYPE_CHECKING:  # whoever is given one has it imported
    from souk_chassis.edge.legacy_function import LegacyFunction

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
    """Answers requests that API Gateway routes to no service. `legacy` gets those of another application."""

    def __init__(self, edge: Edge, legacy: "LegacyFunction | None" = None) -> None:
        self._edge = edge
        self._legacy = legacy

    async def __call__(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The answer to a proxy event."""
        incoming = read_event(event)
        answer = await self._edge.answer(incoming.method, incoming.path, incoming.headers)
        if answer is None and self._legacy is not None:
            return await self._legacy(incoming, deadline)
        assert answer is not None  # noqa: S101 - an edge without another application answers everything
        return as_proxy_answer(answer, method=incoming.method, binary=incoming.path in self._edge.pages)


def function_check(functions: Functions, function: str, log: Log) -> Check:
    """Asks the function of a service's public routes whether the service is ready."""

    async def check() -> None:
        try:
            invoked = await functions.invoke(function, READY, timeout_s=READY_TIMEOUT_S)
            missing = wire.decode(invoked.payload, dict[str, Any]).get("missing")
        except RequestRefusedError as error:
            log.error("a function can't be asked", error=error, function=function)
            raise _unready("it can't be asked") from error
        except wire.UNREADABLE:
            raise _unready("it answered what can't be read") from None
        if invoked.function_error:
            raise _unready("it broke off")
        if missing is not None:
            raise _unready(missing)

    return check


def url_check(transport: Transport, url: str) -> Check:
    """Asks a service in containers whether it is ready."""

    async def check() -> None:
        asked = HttpRequest("GET", f"{url}/ready", {}, repeatable=True, timeout_s=READY_TIMEOUT_S)
        try:
            response = await transport.send(asked)
        except (CouldNotConnectError, AnswerLostError) as error:
            raise _unready("it can't be reached") from error
        check_readiness("it", response.body)

    return check


def _unready(why: str) -> SoukError:
    return unavailable("service_unavailable", why)
