"""API Gateway as Terraform sets it up by the document: routes, the authorizer, and events of payload 2.0."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from souk_chassis.edge.function import Authorizer
from souk_chassis.http.proxy_event import is_http
from souk_topologies.api import INTEGRATION
from souk_topologies.shop import GATEWAY

Invoke = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Invokes the function of this name with an event."""


class ApiGateway:
    """Sends a request to the function of its route, and what no route names to the gateway's."""

    def __init__(self, document: Mapping[str, Any], authorizer: Authorizer, invoke: Invoke) -> None:
        self._routes = {
            f"{routed} {path}": described
            for path, methods in document["paths"].items()
            for method, described in methods.items()
            if not method.startswith("x-")  # `$default` is always there
            for routed in ({"GET", "HEAD"} if method == "get" else {method.upper()})
        }
        self._authorizer = authorizer
        self._invoke = invoke

    def operation(self, method: str, path: str) -> str:
        """The service's operation that a request asks for, or `gateway`."""
        described = self._routes.get(self._route(method, path)[0], {"tags": [GATEWAY]})
        name: str = GATEWAY if GATEWAY in described["tags"] else described["operationId"]
        return name

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Answer a request that came by HTTP."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body, query = await request.content.read(), request.rel_url.raw_query_string
        answer = await self.answer(request.method, request.path, headers, body, query=query)
        content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        return web.Response(status=answer["statusCode"], headers=answer["headers"], body=content)

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, query: str = ""
    ) -> dict[str, Any]:
        """The answer of the function. Names of headers are in lower case."""
        route, parameters = self._route(method, path)
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "pathParameters": parameters,
            "requestContext": {"http": {"method": method}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        described = self._routes.get(route, {})
        if any("bearer" in scheme for scheme in described.get("security", ())):
            event["requestContext"]["authorizer"] = {"lambda": self._authorizer(event)["context"]}
        assert is_http(event)
        return await self._invoke(described[INTEGRATION]["uri"].strip("${}") if described else GATEWAY, event)

    def _route(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        given = path.split("/")
        for route in sorted(self._routes, key=lambda each: "{" in each):
            asked, _, template = route.partition(" ")
            pattern = template.split("/")
            if method == asked and len(pattern) == len(given):
                pairs = list(zip(pattern, given, strict=True))
                if all(part == value or (part[:1] == "{" and value) for part, value in pairs):
                    return route, {part[1:-1]: value for part, value in pairs if part[:1] == "{"}
        return "$default", {}
