"""The shop's gateway in a process of its services, or before theirs: a dispatcher knows which."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from souk_chassis import wire
from souk_chassis.auth.keys import PublicKeys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.context import Dispatcher
from souk_chassis.edge.app import dispatching, edge_app
from souk_chassis.edge.edge import Edge
from souk_chassis.edge.fallback import open_fallback
from souk_chassis.hosts.process import CLOCK
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_topologies.api import api_document
from souk_topologies.edge import pages
from souk_topologies.shop import GATEWAY, manifests
from souk_topologies.takeover import read_settled


async def open_gateway(
    environment: Mapping[str, str],
    dispatcher: Dispatcher,
    checks: Mapping[str, Check],
    jwks: Mapping[str, Any],
    web: Path,
    stack: AsyncExitStack,
) -> ASGIApp:
    """The gateway, to be served; what it opens is closed with the stack.

    `jwks` are the public keys of all issuers, `web` is the folder of the pages. Raises ConfigError.
    """
    services, log = list(manifests().values()), Log(GATEWAY)
    document = api_document(services)
    takeover = read_settled(environment, document)
    fallback = await open_fallback(takeover, log, stack)
    edge = Edge(document, pages(web), wire.encode(dict(jwks)), checks, log, takeover, beside=fallback.checks)
    operations = [operation for service in services for operation in service.implements]
    verifier = TokenVerifier(PublicKeys.from_jwks(dict(jwks)))
    return edge_app(edge, dispatching(edge, operations, dispatcher, verifier, CLOCK, log), fallback, CLOCK)
