"""Endpoints: what each request is answered with, from status and headers to the shape of an error."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import msgspec
import pytest
from starlette.types import ASGIApp

from souk_chassis.auth.identity import Role
from souk_chassis.auth.keys import PublicKeys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.context import Context
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import conflict, not_found, too_many, unavailable
from souk_chassis.http.binding import MAX_BODY, MAX_PARAMETERS, MAX_QUERY
from souk_chassis.ids import Id
from souk_chassis.money import Money
from souk_chassis.operation import GET, POST, PUT, Access, AnyOperation, Created, Operation
from souk_chassis.runtimes.asgi import app, operation_routes
from souk_chassis.runtimes.instance import Instance
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.text import ShortText
from souk_chassis.wire import Message

Ask = Callable[..., Awaitable[Any]]
Bearer = Callable[[Role], dict[str, str]]


class Book(Message, frozen=True, kw_only=True):
    book_id: Id
    title: ShortText
    price: Money = Money(0)


class BookRef(Message, frozen=True, kw_only=True):
    book_id: Id
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class Way(Message, frozen=True, kw_only=True):
    how: str


def _operation(name: str, route: Any, request: Any, access: Access = Access.PUBLIC, **more: Any) -> AnyOperation:
    return Operation(name, "books", route, request=request, response=Book, access=access, summary=name, **more)


AddBook = _operation("add_book", POST("/books"), Book, Access.CUSTOMER, status=201, location="/books/{bookId}")
PutBook = _operation("put_book", PUT("/books/{bookId}"), Book, Access.ADMIN, location="/books/{bookId}")
GetBook = _operation("get_book", GET("/books/{bookId}"), BookRef)
GetLatest = _operation("get_latest", GET("/books/latest"), Way)
FailBook = _operation("fail_book", GET("/failing/{how}"), Way)
WatchBook = _operation("watch_book", GET("/watching/{how}"), Way, streams=True)

FAILURES = {
    "not_found": not_found("book_not_found", "There is no such book."),
    "conflict": conflict("taken", "Taken.", title="Somebody has it"),
    "too_many": too_many("busy", "Busy.", retry_after_s=2.4),
    "too_many_soon": too_many("busy", "Busy.", retry_after_s=0.01),
    "unavailable": unavailable("down", "Down."),
    "unforeseen": ZeroDivisionError("a secret of the code"),
}


async def add(_ctx: Context[Any], book: Book) -> Book:
    return book


async def put(_ctx: Context[Any], book: Book) -> Book | Created[Book]:
    return Created(book) if book.title == "new" else book


async def get(_ctx: Context[Any], ref: BookRef) -> Book:
    return Book(book_id=ref.book_id, title=f"one of {ref.limit}", price=Money(255))


async def latest(_ctx: Context[Any], _: Way) -> Book:
    return Book(book_id="latest", title="fixed paths come first")


async def fail(_ctx: Context[Any], way: Way) -> Book:
    raise FAILURES[way.how]


async def watch(_ctx: Context[Any], way: Way) -> AsyncIterator[Book]:
    if way.how in FAILURES:
        raise FAILURES[way.how]
    yield Book(book_id="b1", title="one")
    yield Book(book_id="b1", title="two")
    if way.how.startswith("then_"):
        raise FAILURES[way.how.removeprefix("then_")]


BOOKS = {AddBook: add, PutBook: put, GetBook: get, GetLatest: latest, FailBook: fail, WatchBook: watch}
BOOK = {"bookId": "b1", "title": "Emma", "price": "2.55"}


@pytest.fixture
def shelf(
    make_instance: Callable[..., Instance], public_keys: PublicKeys, clock: ManualClock, lines: RecordedLines
) -> ASGIApp:
    local = LocalDispatcher({})
    local.bind(make_instance(name="books", implements=BOOKS), local)
    routes = operation_routes(BOOKS, local, TokenVerifier(public_keys), clock, lines.log())

    async def answer() -> None:
        """All is well."""

    return app(routes, {"database": answer})


def body(content: Any) -> dict[str, Any]:
    return {"chunks": [json.dumps(content).encode()]}


async def test_what_was_made_is_answered_with_its_place(shelf: ASGIApp, ask: Ask, bearer: Bearer) -> None:
    answer = await ask(shelf, "POST", "/books", **body(BOOK), headers=bearer(Role.CUSTOMER))
    assert (answer.status, answer.json) == (201, BOOK)
    assert answer.headers["location"] == "/books/b1"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(("title", "status", "location"), [("new", 201, "/books/b1"), ("old", 200, None)])
async def test_an_operation_tells_what_it_made_from_what_it_changed(
    shelf: ASGIApp, ask: Ask, bearer: Bearer, title: str, status: int, location: str | None
) -> None:
    answer = await ask(shelf, "PUT", "/books/b1", **body({"title": title}), headers=bearer(Role.ADMIN))
    assert (answer.status, answer.headers.get("location")) == (status, location)


async def test_path_and_query_are_read(shelf: ASGIApp, ask: Ask) -> None:
    answer = await ask(shelf, "GET", "/books/b1", query=b"limit=7")
    assert answer.json == {"bookId": "b1", "title": "one of 7", "price": "2.55"}


async def test_fixed_paths_come_before_those_with_parameters(shelf: ASGIApp, ask: Ask) -> None:
    answer = await ask(shelf, "GET", "/books/latest", query=b"how=x")
    assert answer.json["bookId"] == "latest"


async def test_head_is_answered_like_get(shelf: ASGIApp, ask: Ask) -> None:
    head, got = [await ask(shelf, method, "/books/b1") for method in ("HEAD", "GET")]
    assert (head.status, head.headers) == (200, got.headers)


LARGE = b'{"bookId": "b1", "title": "' + b"x" * MAX_BODY + b'"}'


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        ("POST", "/books", {"chunks": [b'{"bookId": ']}, 400, "malformed_json"),
        ("POST", "/books", {"chunks": [b""]}, 400, "malformed_json"),
        ("POST", "/books", {"chunks": [b'{"bookId": "\xff"}']}, 400, "malformed_json"),
        ("POST", "/books", {"chunks": [b"[" * 100_000]}, 422, "invalid_request"),
        ("POST", "/books", {"chunks": [LARGE]}, 413, "too_large"),
        ("POST", "/books", {"chunks": [LARGE[:500_000], LARGE[500_000:]], "length": False}, 413, "too_large"),
        ("POST", "/books", {"chunks": [b"{}"], "headers": {"content-length": "9" * 30}}, 413, "too_large"),
        ("POST", "/books", {"chunks": [b"[]"]}, 422, "invalid_request"),
        ("POST", "/books", body(BOOK | {"color": "red"}), 422, "invalid_request"),
        ("POST", "/books", body(BOOK | {"price": "2.555"}), 422, "invalid_request"),
        ("POST", "/books", body(BOOK) | {"query": b"limit=1"}, 422, "invalid_request"),
        ("GET", "/books/b1", {"query": b"limit=0"}, 422, "invalid_request"),
        ("GET", "/books/b1", {"query": b"limit=1&limit=2"}, 422, "invalid_request"),
        ("GET", "/books/b1", {"query": b"color=red"}, 422, "invalid_request"),
        ("GET", "/books/b1", {"query": b"bookId=b2"}, 422, "invalid_request"),
        ("GET", "/books/b1", {"query": b"limit=%ff"}, 400, "malformed_query"),
        ("GET", "/books/b1", {"query": b"limit=\xff"}, 400, "malformed_query"),
        ("GET", "/books/b1", {"query": b"a=&" * (MAX_PARAMETERS + 1)}, 400, "malformed_query"),
        ("GET", "/books/b1", {"query": b"q=" + b"x" * MAX_QUERY}, 414, "query_too_long"),
        ("GET", "/books/b 1", {}, 422, "invalid_request"),
        ("GET", "/books/b1\n", {}, 422, "invalid_request"),
        ("GET", "/books/" + "x" * 65, {}, 422, "invalid_request"),
        ("GET", "/nothing", {}, 404, "no_such_route"),
        ("GET", "/books/", {}, 404, "no_such_route"),
        ("DELETE", "/books/b1", {}, 405, "method_not_allowed"),
        ("GET", "/books", {}, 405, "method_not_allowed"),
        ("GET", "/failing/not_found", {}, 404, "book_not_found"),
        ("GET", "/failing/conflict", {}, 409, "taken"),
        ("GET", "/failing/too_many", {}, 429, "busy"),
        ("GET", "/failing/unavailable", {}, 503, "down"),
        ("GET", "/failing/unforeseen", {}, 500, "internal"),
        ("GET", "/watching/not_found", {}, 404, "book_not_found"),
        ("GET", "/watching/unforeseen", {}, 500, "internal"),
    ],
)
async def test_every_refusal_is_a_problem(
    shelf: ASGIApp, ask: Ask, bearer: Bearer, method: str, path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    headers = bearer(Role.CUSTOMER) | {"traceparent": TRACEPARENT} | request_.get("headers", {})
    answer = await ask(shelf, method, path, **request_ | {"headers": headers})
    problem = answer.json
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:souk:error:{code}"
    assert problem["traceId"] == TRACEPARENT[3:35]
    assert problem["title"]
    assert problem["detail"]
    assert set(problem) <= {"type", "title", "status", "code", "detail", "traceId", "errors"}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"bookId": "b1"}, "title"),
        (BOOK | {"title": ""}, "title"),
        (BOOK | {"title": "a\x00b"}, "title"),
        (BOOK | {"bookId": "b1\n"}, "bookId"),
        (BOOK | {"price": "NaN"}, "price"),
        (BOOK | {"price": True}, "price"),
        (BOOK | {"color": "red"}, "color"),
        ([], "body"),
    ],
)
async def test_a_refusal_names_the_field(shelf: ASGIApp, ask: Ask, bearer: Bearer, content: Any, field: str) -> None:
    answer = await ask(shelf, "POST", "/books", **body(content), headers=bearer(Role.CUSTOMER))
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "sign_in"),
        ({"authorization": "Bearer abc"}, 401, "invalid_token"),
        ({"authorization": "Bearer "}, 401, "invalid_token"),
        ({"authorization": "Basic dXNlcjpwYXNz"}, 401, "invalid_token"),
        ({"authorization": "Bearer \xe9\xe9.\xe9.\xe9"}, 401, "invalid_token"),
        (Role.GUEST, 403, "not_allowed"),
    ],
)
async def test_who_may_not_is_refused_before_anything_is_read(
    shelf: ASGIApp, ask: Ask, bearer: Bearer, headers: Any, status: int, code: str
) -> None:
    given = bearer(headers) if isinstance(headers, Role) else headers
    answer = await ask(shelf, "POST", "/books", chunks=[b"no json"], headers=given)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers.get("www-authenticate") == ('Bearer realm="souk"' if status == 401 else None)


async def test_a_bad_token_is_refused_where_none_is_needed(shelf: ASGIApp, ask: Ask) -> None:
    answer = await ask(shelf, "GET", "/books/b1", headers={"authorization": "Bearer abc"})
    assert answer.status == 401


@pytest.mark.parametrize(("how", "seconds"), [("too_many", "2"), ("too_many_soon", "1"), ("unavailable", None)])
async def test_the_caller_is_told_how_long_to_wait(shelf: ASGIApp, ask: Ask, how: str, seconds: str | None) -> None:
    answer = await ask(shelf, "GET", f"/failing/{how}")
    assert answer.headers.get("retry-after") == seconds


async def test_another_method_is_told_which_there_are(shelf: ASGIApp, ask: Ask) -> None:
    assert (await ask(shelf, "POST", "/books/b1")).headers["allow"] == "GET, HEAD, PUT"


async def test_what_is_unforeseen_is_logged_and_not_told(shelf: ASGIApp, ask: Ask, lines: RecordedLines) -> None:
    answer = await ask(shelf, "GET", "/failing/unforeseen", headers={"traceparent": TRACEPARENT})
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    [line] = lines.lines
    assert (line["level"], line["traceId"], line["path"]) == ("error", TRACEPARENT[3:35], "/failing/unforeseen")
    assert "ZeroDivisionError: a secret of the code" in line["error"]


async def test_a_stream_is_sent_as_events(shelf: ASGIApp, ask: Ask) -> None:
    answer = await ask(shelf, "GET", "/watching/all")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.body.decode().split("\n\n") if line]
    assert [event["title"] for event in events] == ["one", "two"]


@pytest.mark.parametrize(("how", "code"), [("then_unavailable", "down"), ("then_unforeseen", "internal")])
async def test_a_stream_that_breaks_off_says_so(shelf: ASGIApp, ask: Ask, how: str, code: str) -> None:
    answer = await ask(shelf, "GET", f"/watching/{how}")
    *events, broken = [part for part in answer.body.decode().split("\n\n") if part]
    assert len(events) == 2
    kind, _, data = broken.partition("\n")
    assert (kind, json.loads(data.removeprefix("data: "))["code"]) == ("event: error", code)


async def test_a_client_that_goes_away_is_no_fault_of_ours(
    shelf: ASGIApp, ask: Ask, bearer: Bearer, lines: RecordedLines
) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in bearer(Role.CUSTOMER).items()]
    scope = {"type": "http", "method": "POST", "path": "/books", "query_string": b"", "headers": headers}
    await shelf(scope, receive, send)
    assert (sent[0]["status"], lines.lines) == (400, [])
