"""What the edge does in every way in which it is served: one body for all three."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey
from souk_chassis.auth.tokens import sign_public
from souk_chassis.testing.contexts import TRACEPARENT
from tests.edge.conftest import PAGES, Serve

OWN = ["/health", "/ready", "/openapi.json", "/.well-known/jwks.json"]
SPELT = [
    "//things",
    "/things/",
    "/x/../things",
    "/./things",
    "/Things/t1",
    "/things;v=1",
    "/x\\..\\things",
    "/%2574hings",
]


async def test_what_it_answers_itself(edge: Serve, folder: Path, key: SigningKey) -> None:
    served = await edge()
    assert (await served.ask("GET", "/health")).json == {"status": "ok"}
    assert (await served.ask("GET", "/ready")).json == {"status": "ready", "missing": {}}
    assert (await served.ask("GET", "/openapi.json")).body == (folder / "openapi.json").read_bytes()
    assert (await served.ask("GET", "/.well-known/jwks.json")).json == {"keys": [key.jwk()]}
    for path in OWN:
        headers = (await served.ask("GET", path)).headers
        assert (headers["content-type"], headers["cache-control"]) == ("application/json", "no-store")


async def test_pages_have_their_headers_and_are_sent_once(edge: Serve) -> None:
    served = await edge()
    for path, (_, kind, content) in PAGES.items():
        page = await served.ask("GET", path)
        assert (page.status, page.body) == (200, content)
        assert (page.headers["content-type"], page.headers["x-content-type-options"]) == (kind, "nosniff")
        again = await served.ask("GET", path, if_none_match=f'W/"x", {page.headers["etag"]}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", page.headers["etag"])
        assert (await served.ask("GET", path, if_none_match='"x"')).body == content


async def test_a_changed_page_is_seen_at_once(edge: Serve, folder: Path) -> None:
    served = await edge()
    before = await served.ask("GET", "/")
    (folder / "index.html").write_bytes(b"<new>")
    after = await served.ask("GET", "/", if_none_match=before.headers["etag"])
    assert (after.status, after.body) == (200, b"<new>")
    (folder / "index.html").unlink()
    assert (await served.ask("GET", "/")).status == 500


@pytest.mark.parametrize("path", [*OWN, *PAGES, "/things", "/things/t1", "/places/p1/name", "/secret"])
async def test_a_head_request_is_answered_as_get_without_the_body(edge: Serve, path: str) -> None:
    served = await edge()
    head, get = await served.ask("HEAD", path), await served.ask("GET", path)
    assert (head.status, head.body, head.headers["content-type"]) == (get.status, b"", get.headers["content-type"])
    assert get.body


async def test_every_method_has_its_operation(edge: Serve) -> None:
    served = await edge()
    for method, path, body, said in (
        ("GET", "/things", None, "list_things"),
        ("POST", "/things", {}, "add_thing"),
        ("GET", "/things/t1", None, "get_thing thing_id=t1"),
        ("PUT", "/things/t1", {"name": "a"}, "put_thing thing_id=t1 name=a"),
        ("PATCH", "/things/t1", {"name": "b"}, "change_thing thing_id=t1 name=b"),
        ("DELETE", "/things/t1", None, "remove_thing thing_id=t1 reason= hard=False"),
        ("DELETE", "/things/t1?reason=old%20one&hard=true", None, "remove_thing thing_id=t1 reason=old one hard=True"),
        ("GET", "/places/p%2E1/name", None, "say_place thing_id=p.1"),
    ):
        answer = await served.ask(method, path, body)
        assert (answer.status, answer.json) == (200, {"said": said}), (method, path)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "/things/t1?name=b", {"name": "b"}, "query"),
        ("PATCH", "/things/t1", {}, "name"),
        ("DELETE", "/things/t1", {"reason": "old"}, "reason"),
        ("DELETE", "/things/t1?colour=red", None, "colour"),
        ("DELETE", "/things/a%20b", None, "thingId"),
    ],
)
async def test_what_changes_reads_a_body_and_what_removes_a_query(
    edge: Serve, method: str, path: str, body: object, field: str
) -> None:
    refused = await (await edge()).ask(method, path, body)
    assert (refused.status, refused.json["code"]) == (422, "invalid_request")
    assert [each["field"] for each in refused.json["errors"]] == [field]


REFUSED = [
    ("GET", "/nothing", ""),
    ("DELETE", "/nothing", ""),
    ("GET", "/operations/get_thing", ""),
    ("GET", "/things/t1/x", ""),
    ("GET", "/static/nothing.js", ""),
    ("HEAD", "/static/nothing.js", ""),
    ("GET", "/static/..%2fopenapi.json", ""),
    ("POST", "/static", ""),
    *(("GET", path, "") for path in SPELT),
    ("PATCH", "/things", "GET, HEAD, POST"),
    ("OPTIONS", "/things/t1", "DELETE, GET, HEAD, PATCH, PUT"),
    ("POST", "/things/t1", "DELETE, GET, HEAD, PATCH, PUT"),
    ("DELETE", "/secret", "GET, HEAD"),
    ("POST", "/health", "GET, HEAD"),
    ("PUT", "/openapi.json", "GET, HEAD"),
    ("DELETE", "/", "GET, HEAD"),
    ("POST", "/static/a.js", "GET, HEAD"),
    ("POST", "/static/nothing.js", "GET, HEAD"),
]


async def test_404_and_405_are_problems(edge: Serve) -> None:
    served = await edge()
    for method, path, allowed in REFUSED:
        refused = await served.ask(method, path, traceparent=TRACEPARENT)
        status, code = (405, "method_not_allowed") if allowed else (404, "no_such_route")
        assert (refused.status, refused.headers.get("allow", "")) == (status, allowed), (method, path)
        assert refused.headers["content-type"] == "application/problem+json"
        if method != "HEAD":
            assert (refused.json["code"], refused.json["traceId"]) == (code, TRACEPARENT[3:35])


async def test_tokens_are_asked_for(edge: Serve, key: SigningKey) -> None:
    served = await edge()
    token = sign_public(key, Identity(Role.CUSTOMER, "u1"), issued_at=datetime.now(UTC), lifetime_s=60)
    assert (await served.ask("GET", "/secret")).json["code"] == "sign_in"
    assert (await served.ask("GET", "/secret", authorization="Bearer x")).json["code"] == "invalid_token"
    assert (await served.ask("GET", "/secret", authorization=f"Bearer {token}")).json == {"said": "keep_secret"}
    assert (await served.ask("HEAD", "/secret", authorization=f"Bearer {token}")).status == 200


async def test_it_is_as_ready_as_its_services(edge: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    ready = await (await edge(missing="It is away.", SOUK_LEGACY_URL=away)).ask("GET", "/ready")
    assert (ready.status, ready.json["status"], [*ready.json["missing"]]) == (503, "unready", ["things"])


async def test_an_application_that_is_away_is_shown_and_harms_nothing(edge: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    served = await edge(SOUK_LEGACY_URL=away)
    for _ in range(20):
        assert (await served.ask("GET", "/nothing")).json["code"] == "legacy_unavailable"
    ready = await served.ask("GET", "/ready")
    assert (ready.status, ready.json["status"], [*ready.json["degraded"]]) == (200, "ready", ["legacy"])
    assert await served.statuses("/", "/things") == [200, 200]


async def test_its_own_routes_win_and_the_rest_goes_on(edge: Serve) -> None:
    served = await edge(legacy=True)
    assert await served.statuses(*OWN, *PAGES, "/things", "/things/t1") == [200] * 8
    for method, path in (("GET", "/nothing"), ("POST", "/nothing"), ("GET", "/static/x.js"), ("GET", "/things/t1/x")):
        assert (await served.ask(method, path)).body.decode() == f"{method} {path}"
    assert (await served.ask("HEAD", "/static/x.js")).status == 299
    assert await served.statuses("/things", "/health", "/", "/static/x.js", method="PATCH") == [405] * 4


async def test_another_spelling_of_a_services_path_reaches_nobody(edge: Serve) -> None:
    served = await edge(legacy=True)
    for method in ("GET", "POST"):
        assert await served.statuses(*SPELT, method=method) == [404] * len(SPELT)
    assert await served.statuses("/Health", "/health/", "//", "/secrets") == [299] * 4


async def test_what_is_not_taken_over_goes_on(edge: Serve) -> None:
    served = await edge(legacy=True, SOUK_TAKEN_OVER="/things,/static")
    assert await served.statuses(*OWN, "/static/a.js", "/things", "/things/t1") == [200] * 7
    assert await served.statuses("/", "/secret", "/places/p1/name", "//secret") == [299] * 4
    paths = (await served.ask("GET", "/openapi.json")).json["paths"]
    operated = ["/queues/things", "/queues/things/{queue}/redrive"]
    assert sorted(paths) == sorted([*OWN, *operated, "/things", "/things/{thingId}"])


async def test_nothing_may_be_taken_over(edge: Serve) -> None:
    served = await edge(legacy=True, SOUK_TAKEN_OVER="none")
    assert await served.statuses(*PAGES, *SPELT, "/things") == [299] * (len(PAGES) + len(SPELT) + 1)
    assert await served.statuses("/static/a.js", "/things", method="DELETE") == [299] * 2
    assert await served.statuses(*OWN) == [200] * 4


async def test_routes_are_throttled_as_the_document_says(edge: Serve, way: str, folder: Path) -> None:
    if way == "api-gateway":
        pytest.skip("API Gateway throttles there, not a program of ours")
    document = json.loads((folder / "openapi.json").read_text())
    document["paths"]["/health"]["get"]["x-souk-throttle"] = {"ratePerS": 0.001, "burst": 1}
    (folder / "openapi.json").write_text(json.dumps(document))
    served = await edge()
    answers = [await served.ask("POST", "/things", {}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert (answers[2].json["code"], answers[2].headers["retry-after"]) == ("throttled", "1000")
    assert [(await served.ask(method, "/health")).status for method in ("HEAD", "GET")] == [200, 429]
    assert await served.statuses("/things", "/ready") == [200, 200]
