"""Beside API Gateway: the authorizer, and how services are asked whether they are ready."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import TokenVerifier, sign_public
from souk_chassis.aws.errors import RequestRefusedError, aws_throttled
from souk_chassis.aws.functions import Invoked
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.edge.function import Authorizer, function_check, url_check
from souk_chassis.http.endpoint import respond
from souk_chassis.http.health import readiness
from souk_chassis.testing.logs import RecordedLines


class Region:
    """Answers for every function."""

    def __init__(self) -> None:
        self.answer: Invoked | Exception = Invoked(b"{}")

    async def invoke(self, function: str, payload: bytes, *, timeout_s: float) -> Invoked:
        assert (function, payload) == ("order-service", b'{"souk":"ready"}')
        assert timeout_s == 5.0
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def region() -> Region:
    return Region()


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
async def test_whether_a_function_is_ready(
    region: Region, lines: RecordedLines, answer: Any, missing: str | None
) -> None:
    region.answer = answer
    found = await readiness({"orders": function_check(region, "order-service", lines.log())})  # type: ignore[arg-type]
    assert found.missing == ({"orders": missing} if missing else {})


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (b'{"status":"ready","missing":{}}', None),
        (b'{"status":"unready","missing":{"b":"away","a":"away"}}', "it misses a, b"),
        (b"<html>", "it answered what can't be read"),
        (None, "it can't be reached"),
    ],
)
async def test_whether_a_container_is_ready(serve: Any, body: bytes | None, missing: str | None) -> None:
    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        assert (scope["method"], scope["path"]) == ("GET", "/ready")
        await respond(send, 503 if missing else 200, [], body or b"")

    transport = HttpTransport()
    url = "http://127.0.0.1:1" if body is None else await serve(answer)
    assert (await readiness({"orders": url_check(transport, url)})).missing == ({"orders": missing} if missing else {})
    await transport.close()


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
