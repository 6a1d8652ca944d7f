"""What stands beside API Gateway: the authorizer, and the routes that are no service's."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from souk_chassis.runtimes.edge import Edge
from souk_chassis.runtimes.lambda_edge import Authorizer, GatewayFunction, asking

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import TokenVerifier, sign_public
from souk_chassis.aws.errors import RequestRefusedError, aws_throttled
from souk_chassis.aws.functions import Invoked
from souk_chassis.resilience import Deadline
from souk_chassis.testing.logs import RecordedLines

DOCUMENT = {"paths": {"/orders": {"post": {}, "get": {}}, "/orders/{orderId}": {"get": {}}}}


class Region:
    """Answers for every function."""

    def __init__(self) -> None:
        self.answer: Invoked | Exception = Invoked(b"{}")

    async def invoke(self, function: str, payload: bytes, *, timeout_s: float) -> Invoked:
        assert (function, payload) == ("order-service", b'{"souk":"ready"}')
        assert 0 < timeout_s <= 5.0
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.fixture
def gateway(tmp_path: Path, region: Region) -> GatewayFunction:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "pages.json").write_text('{"/": {"file": "index.html", "headers": {"content-type": "text/html"}}}')
    (tmp_path / "index.html").write_bytes(b"\xff<html>")
    edge = Edge(tmp_path, b'{"keys":[]}')
    log = RecordedLines().log()
    return GatewayFunction(edge, {"orders": asking(region, "order-service", log)}, log)  # type: ignore[arg-type]


async def ask(gateway: GatewayFunction, method: str, path: str) -> tuple[int, bytes, dict[str, str]]:
    event = {"routeKey": "$default", "rawPath": path, "requestContext": {"http": {"method": method}}}
    answer = await gateway(event, Deadline.after(10.0))
    body = answer["body"]
    return (
        answer["statusCode"],
        base64.b64decode(body) if answer["isBase64Encoded"] else body.encode(),
        answer["headers"],
    )


async def test_what_is_the_gateways_own(gateway: GatewayFunction) -> None:
    assert (await ask(gateway, "GET", "/health"))[:2] == (200, b'{"status":"ok"}')
    assert json.loads((await ask(gateway, "GET", "/openapi.json"))[1]) == DOCUMENT
    assert (await ask(gateway, "GET", "/"))[:2] == (200, b"\xff<html>")
    status, body, headers = await ask(gateway, "HEAD", "/")
    assert (status, body, headers["content-type"]) == (200, b"", "text/html")


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nothing", 404, None),
        ("PUT", "/orders", 405, "GET, POST"),
        ("DELETE", "/orders/o1", 405, "GET"),
        ("GET", "/orders/o1/x", 404, None),
        ("POST", "/health", 405, "GET, HEAD"),
        ("POST", "/", 405, "GET, HEAD"),
        ("POST", "/static/app.js", 405, "GET, HEAD"),
    ],
)
async def test_what_is_nowhere(
    gateway: GatewayFunction, method: str, path: str, status: int, allowed: str | None
) -> None:
    found, body, headers = await ask(gateway, method, path)
    assert (found, headers.get("allow")) == (status, allowed)
    assert json.loads(body)["status"] == status


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (Invoked(b"{}"), None),
        (Invoked(b'{"missing":"The database."}'), "The database."),
        (Invoked(b'{"errorType":"X"}', "Unhandled"), "it broke off"),
        (Invoked(b"nonsense"), "it answered what can't be read"),
        (aws_throttled(), "A service of AWS is busier than it may be."),
        (RequestRefusedError("lambda Invoke: AccessDeniedException"), "it can't be asked"),
    ],
)
async def test_readiness(gateway: GatewayFunction, region: Region, answer: Any, missing: str | None) -> None:
    region.answer = answer
    status, body, _ = await ask(gateway, "GET", "/ready")
    assert (status, json.loads(body)["missing"]) == (503 if missing else 200, {"orders": missing} if missing else {})


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key("users")


def authorized(key: SigningKey, header: str | None) -> dict[str, Any]:
    authorizer = Authorizer(TokenVerifier(PublicKeys({"users": key.private.public_key()})))
    answer = authorizer({"version": "2.0", "headers": {} if header is None else {"Authorization": header}})
    assert answer["isAuthorized"], "the function itself refuses, in the shop's form"
    context: dict[str, Any] = answer["context"]
    return context


def test_the_authorizer_says_who_is_calling(key: SigningKey) -> None:
    now = datetime.now(UTC)
    token = sign_public(key, Identity(Role.CUSTOMER, "u1"), issued_at=now, lifetime_s=60)
    old = sign_public(key, Identity(Role.CUSTOMER, "u1"), issued_at=now - timedelta(hours=1), lifetime_s=60)
    assert authorized(key, f"Bearer {token}") == {"role": "customer", "userId": "u1"}
    assert authorized(key, None) == {"role": "anonymous"}
    assert authorized(key, f"Bearer {old}")["code"] == "expired_token"
    for wrong in ("Basic abc", "Bearer ", f"Bearer {token}x"):
        assert authorized(key, wrong)["code"] == "invalid_token"
