"""Operations behind API Gateway: events of both payloads as AWS makes them, and how each is answered."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import not_found, too_many, unavailable
from souk_chassis.http.binding import MAX_BODY
from souk_chassis.http.exchange import MAX_HEADERS
from souk_chassis.http.proxy_event import is_http, read_event
from souk_chassis.ids import Id
from souk_chassis.operation import GET, POST, Access, AnyOperation, Created, Operation
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_http import HttpFunction
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.wire import Message


class Book(Message, frozen=True, kw_only=True):
    book_id: Id
    title: str = ""


class Find(Message, frozen=True, kw_only=True):
    book_id: Id
    q: str = ""
    limit: int = 50


def _operation(name: str, route: Any, request: Any, access: Access = Access.PUBLIC, **more: Any) -> AnyOperation:
    return Operation(name, "books", route, request=request, response=Book, access=access, summary=name, **more)


AddBook = _operation("add_book", POST("/books"), Book, Access.CUSTOMER, status=201, location="/books/{bookId}")
FindBook = _operation("find_book", GET("/books/{bookId}"), Find)
DropBook = _operation("drop_book", POST("/drops"), Book, Access.ADMIN)
WatchBook = _operation("watch_book", GET("/watching/{bookId}"), Find, streams=True)


async def add(_: Context[Any], request: Book) -> Created[Book]:
    return Created(request)


async def find(_: Context[Any], request: Find) -> Book:
    if request.book_id == "slow":
        await asyncio.sleep(60)
    raised = {"none": not_found("no_book", "None."), "busy": too_many("busy", "Busy.", retry_after_s=7.0)}
    if request.book_id in raised:
        raise raised[request.book_id]
    if request.book_id == "broken":
        raise ZeroDivisionError
    return Book(book_id=request.book_id, title=f"{request.q} {request.limit}")


async def watch(_: Context[Any], request: Find) -> AsyncIterator[Book]:
    if request.book_id == "none":
        raise not_found("no_book", "None.")
    yield Book(book_id="b1")
    if request.book_id == "breaks":
        raise unavailable("away", "Away.")
    if request.book_id == "slow":
        await asyncio.sleep(60)
    yield Book(book_id="b2")


@pytest.fixture
def function(make_instance: Callable[..., Instance]) -> HttpFunction:
    implements = {AddBook: add, FindBook: find, DropBook: add, WatchBook: watch}
    instance = make_instance(name="books", implements=implements)
    local = LocalDispatcher({})
    local.bind(instance, FakeDispatcher())
    return HttpFunction(implements, local, instance.log)


def v2(route: str, body: str | None = None, *, query: str = "", stage: str = "$default", **more: Any) -> dict[str, Any]:
    """Payload 2.0, as in the guide of API Gateway's HTTP APIs."""
    method, _, path = route.partition(" ")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["cookie1"],
        "headers": {"accept": "*/*", "host": "id.execute-api.eu-west-1.amazonaws.com"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "a"},
            "requestId": "id",
            "routeKey": route,
            "stage": stage,
            "timeEpoch": 1583348638390,
            "authorizer": {"lambda": {"role": "customer", "userId": "u1"}},
        },
        "isBase64Encoded": False,
    }
    return event | ({} if body is None else {"body": body}) | more


def v1(
    route: str, body: str | None = None, query: Mapping[str, list[str]] | None = None, **more: Any
) -> dict[str, Any]:
    """Payload 1.0, as in the guide of API Gateway's REST APIs: what is missing is null."""
    method, _, path = route.partition(" ")
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Accept": "*/*", "CloudFront-Forwarded-Proto": "https"},
        "multiValueHeaders": {"Accept": ["*/*"]},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "path": f"/prod{path}",
            "stage": "prod",
            "authorizer": {"role": "customer", "userId": "u1", "principalId": "u1", "integrationLatency": 7},
        },
        "body": body,
        "isBase64Encoded": False,
    } | more


async def ask(function: HttpFunction, event: Mapping[str, Any], s: float = 20.0) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of the answer."""
    assert is_http(event)
    answer = await function(event, Deadline.after(s))
    json.dumps(answer)
    assert not answer["isBase64Encoded"]
    is_json = "json" in answer["headers"]["content-type"]
    return answer["statusCode"], json.loads(answer["body"]) if is_json else answer["body"], answer["headers"]


BODY = '{"bookId": "b1", "title": "Größe"}'
Version = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("version", [v1, v2])
@pytest.mark.parametrize("encoded", [False, True])
async def test_a_body_in_either_form(function: HttpFunction, version: Version, encoded: bool) -> None:
    body = base64.b64encode(BODY.encode()).decode() if encoded else BODY
    status, answer, headers = await ask(function, version("POST /books", body, isBase64Encoded=encoded))
    assert (status, answer) == (201, {"bookId": "b1", "title": "Größe"})
    assert headers["location"] == "/books/b1"


@pytest.mark.parametrize("event", [v2("GET /books/{bookId}", query="q=a%20%26+b&limit=3"),
                                   v1("GET /books/{bookId}", query={"q": ["a & b"], "limit": ["3"]})])  # fmt: skip
async def test_path_and_query(function: HttpFunction, event: dict[str, Any]) -> None:
    status, answer, _ = await ask(function, event | {"pathParameters": {"bookId": "b1"}})
    assert (status, answer) == (200, {"bookId": "b1", "title": "a & b 3"})


@pytest.mark.parametrize("event", [v2("GET /books/{bookId}", query="q=a&q=b"),
                                   v1("GET /books/{bookId}", query={"q": ["a", "b"]})])  # fmt: skip
async def test_a_parameter_given_twice_is_refused(function: HttpFunction, event: dict[str, Any]) -> None:
    status, answer, _ = await ask(function, event | {"pathParameters": {"bookId": "b1"}})
    assert (status, answer["errors"]) == (422, [{"field": "q", "detail": "Given twice"}])


@pytest.mark.parametrize("version", [v1, v2])
@pytest.mark.parametrize(
    ("body", "more", "status", "code"),
    [
        (None, {}, 400, "malformed_json"),
        ("{", {}, 400, "malformed_json"),
        ("\ud800", {}, 400, "malformed_json"),
        ("===", {"isBase64Encoded": True}, 400, "malformed_json"),
        ("ä", {"isBase64Encoded": True}, 400, "malformed_json"),
        (BODY[:-1] + ', "other": 1}', {}, 422, "invalid_request"),
        ("x" * (MAX_BODY + 1), {}, 413, "too_large"),
        ("x" * (2 * MAX_BODY + 1), {}, 413, "too_large"),
        (BODY, {"headers": {"X-Large": "x" * MAX_HEADERS}}, 431, "headers_too_large"),
    ],
)
async def test_what_is_wrong_is_said(
    function: HttpFunction, version: Version, body: str | None, more: dict[str, Any], status: int, code: str
) -> None:
    found, answer, headers = await ask(function, version("POST /books", body, **more))
    assert (found, answer["code"], answer["status"]) == (status, code, status)
    assert headers["content-type"] == "application/problem+json"


async def test_a_query_that_is_no_text_is_refused(function: HttpFunction) -> None:
    for event in (v2("GET /books/{bookId}", query="q=\ud800"), v1("GET /books/{bookId}", query={"q": ["\ud800"]})):
        status, answer, _ = await ask(function, event | {"pathParameters": {"bookId": "b1"}})
        assert (status, answer["code"]) == (400, "malformed_query")


@pytest.mark.parametrize(
    ("context", "status", "code"),
    [
        (None, 401, "sign_in"),
        ({"role": "anonymous"}, 401, "sign_in"),
        ({"code": "expired_token", "detail": "Over."}, 401, "expired_token"),
        ({"role": "customer", "userId": "u1"}, 403, "not_allowed"),
        ({"role": "admin", "userId": "a"}, 201, None),
    ],
)
@pytest.mark.parametrize("version", [v1, v2])
async def test_who_may(
    function: HttpFunction, version: Version, context: dict[str, str] | None, status: int, code: str | None
) -> None:
    event = version("POST /drops", BODY)
    event["requestContext"]["authorizer"] = {"lambda": context} if version is v2 else context
    found, answer, _ = await ask(function, event)
    assert (found, answer.get("code")) == (status, code)


@pytest.mark.parametrize(("book_id", "status"), [("none", 404), ("busy", 429), ("broken", 500)])
async def test_failures_are_problems(function: HttpFunction, book_id: str, status: int) -> None:
    event = v2("GET /books/{bookId}", pathParameters={"bookId": book_id})
    found, answer, headers = await ask(function, event)
    assert (found, answer["status"]) == (status, status)
    assert headers.get("retry-after") == ("7" if status == 429 else None)


async def test_an_operation_cut_off_is_unknown_and_the_next_is_answered(function: HttpFunction) -> None:
    slow = v2("GET /books/{bookId}", pathParameters={"bookId": "slow"})
    assert (await ask(function, slow, s=0.05))[:2][1]["code"] == "timeout"
    assert (await ask(function, slow, s=0.0))[1]["code"] == "deadline_exceeded"
    assert (await ask(function, v2("GET /books/{bookId}", pathParameters={"bookId": "b1"})))[0] == 200


async def test_no_such_route(function: HttpFunction) -> None:
    assert (await ask(function, v2("GET /elsewhere")))[1]["code"] == "no_such_route"


@pytest.mark.parametrize(("book_id", "events"), [("all", 2), ("slow", 1)])
async def test_a_stream_is_one_answer(function: HttpFunction, book_id: str, events: int) -> None:
    event = v2("GET /watching/{bookId}", pathParameters={"bookId": book_id})
    status, body, headers = await ask(function, event, s=0.2)
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert [json.loads(line[6:])["bookId"] for line in body.strip().split("\n\n")] == ["b1", "b2"][:events]


async def test_a_stream_that_breaks_off_says_so(function: HttpFunction) -> None:
    status, body, _ = await ask(function, v2("GET /watching/{bookId}", pathParameters={"bookId": "breaks"}))
    first, last = body.strip().split("\n\n")
    assert (status, first) == (200, 'data: {"bookId":"b1"}')
    assert last.startswith("event: error\ndata: {")
    assert '"code":"away"' in last
    assert (await ask(function, v2("GET /watching/{bookId}", pathParameters={"bookId": "none"})))[0] == 404


def test_headers_of_any_case_and_paths_of_any_stage_are_read() -> None:
    given = {"X-Thing": "1"}
    assert read_event(v1("GET /x", headers=given)).headers == read_event(v2("GET /x", headers=given)).headers
    assert read_event(v1("GET /x", headers=None)).headers == {}
    assert read_event(v2("GET /x", stage="prod", rawPath="/prod/x")).path == "/x"
    assert read_event(v2("GET /x", stage="prod", rawPath="/product/x")).path == "/product/x"
    assert read_event(v2("GET /x", rawPath="//x")).path == "//x"
