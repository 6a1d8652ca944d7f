"""The three ways in which the edge is served, each behind a socket: before operations in its process, before a service
at an address, and beside API Gateway."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web
from starlette.types import ASGIApp

from souk_chassis import wire
from souk_chassis.auth.keys import PublicKeys, SigningKey, jwks
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.aws.functions import Invoked
from souk_chassis.edge.app import dispatching, edge_app
from souk_chassis.edge.edge import Edge, read_edge
from souk_chassis.edge.fallback import open_fallback
from souk_chassis.edge.function import Authorizer, GatewayFunction, function_check
from souk_chassis.edge.legacy_function import LegacyFunction
from souk_chassis.edge.proxying import build_gateway
from souk_chassis.edge.takeover import read_takeover
from souk_chassis.errors import unavailable
from souk_chassis.hosts.http_server import HttpServer
from souk_chassis.hosts.listening import listen
from souk_chassis.hosts.process import CLOCK
from souk_chassis.http.health import Check
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.asgi import app, operation_routes
from souk_chassis.runtimes.lambda_http import HttpFunction
from souk_chassis.testing.logs import RecordedLines
from souk_topologies.takeover import deployed_document
from tests.edge.things import THINGS, things
from tests.functions.api_gateway import ApiGateway

LOG = RecordedLines().log("gateway")
Open = Callable[["Site"], Awaitable[str]]


class Site:
    """What an edge is opened with. All ends with the stack."""

    def __init__(
        self, folder: Path, key: SigningKey, stack: AsyncExitStack, missing: str, settings: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.stack = stack
        self.missing = missing
        """Why the service is not ready; empty where it is."""
        self.settings = settings
        self.public = wire.encode(jwks([key]))
        self.verifier = TokenVerifier(PublicKeys({key.issuer: key.private.public_key()}))

    async def check(self) -> None:
        """Whether the service is ready."""
        if self.missing:
            raise unavailable("database_unavailable", self.missing)

    async def serve(self, served: ASGIApp) -> str:
        """Serve an app on a free port. Returns its URL."""
        server = HttpServer(served, listener := listen("127.0.0.1", 0))
        await server.start()
        self.stack.push_async_callback(server.stop)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def serve_service(self) -> str:
        """Serve the service by itself."""
        routes = operation_routes(THINGS.implements, things(), self.verifier, CLOCK, LOG)
        return await self.serve(app(routes, {"things-database": self.check}))


async def before_operations(site: Site) -> str:
    """The edge of one process: calls are function calls."""
    document, pages = read_edge(site.folder)
    takeover = read_takeover(site.settings)
    fallback = await open_fallback(takeover, LOG, site.stack)
    checks: dict[str, Check] = {"things": site.check}
    edge = Edge(document, pages, site.public, checks, LOG, takeover, beside=fallback.checks)
    answering = dispatching(edge, THINGS.implements, things(), site.verifier, CLOCK, LOG)
    return await site.serve(edge_app(edge, answering, fallback, CLOCK))


async def before_services(site: Site) -> str:
    """The edge before processes and containers: calls are HTTP."""
    told = {"SOUK_URLS": json.dumps({"things": await site.serve_service()}), "SOUK_EDGE_DIR": str(site.folder)}
    return await site.serve(
        await build_gateway({**told, "SOUK_JWKS": site.public.decode(), **site.settings}, site.stack)
    )


class _Functions:
    """The service's function, which is asked whether it is ready."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def invoke(self, function: str, payload: bytes, *, timeout_s: float) -> Invoked:
        assert (function, payload, timeout_s) == ("thing-service", b'{"souk":"ready"}', 5.0)
        return Invoked(wire.encode({"missing": self._site.missing} if self._site.missing else {}))


async def beside_api_gateway(site: Site) -> str:
    """The edge beside API Gateway, which routes the operations itself."""
    document, pages = read_edge(site.folder)
    takeover, legacy = read_takeover(site.settings), None
    if takeover.legacy_url:
        legacy = LegacyFunction(takeover.legacy_url, LOG)
        site.stack.push_async_callback(legacy._transport.close)
    checks = {"things": function_check(_Functions(site), "thing-service", LOG)}  # type: ignore[arg-type] # as `Functions`
    beside = {"legacy": legacy.check} if legacy else {}
    gateway = GatewayFunction(Edge(document, pages, site.public, checks, LOG, takeover, beside=beside), legacy)
    functions: dict[str, Any] = {"gateway": gateway, "thing-service": HttpFunction(THINGS.implements, things(), LOG)}

    async def invoke(name: str, event: dict[str, Any]) -> dict[str, Any]:
        event["requestContext"]["http"]["sourceIp"] = "192.0.2.1"
        answer: dict[str, Any] = await functions[name](event, Deadline.after(20.0))
        return answer

    api = ApiGateway(deployed_document(document, takeover), Authorizer(site.verifier), invoke)
    runner = web.ServerRunner(web.Server(api.serve))
    await runner.setup()
    site.stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


WAYS: Mapping[str, Open] = {
    "operations": before_operations,
    "services": before_services,
    "api-gateway": beside_api_gateway,
}
