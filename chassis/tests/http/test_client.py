"""Calls between processes, over a real server on a loopback port: what crosses, and what each failure becomes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey
from souk_chassis.auth.tokens import CallTokens, TokenVerifier, sign_public
from souk_chassis.clock import SystemClock
from souk_chassis.context import Call, Context
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import (
    ErrorKind,
    SoukError,
    conflict,
    invalid,
    not_found,
    timeout_unknown,
    too_many,
    unavailable,
)
from souk_chassis.hosts.http_server import KEEP_ALIVE_S
from souk_chassis.hosts.listening import free_port
from souk_chassis.http.client import KEPT_IDLE_S, HttpDispatcher
from souk_chassis.money import Money
from souk_chassis.operation import GET, POST, Access, AnyOperation, Created, Operation
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.asgi import app, internal_route
from souk_chassis.runtimes.instance import Instance
from souk_chassis.testing.contexts import ADMIN, TRACEPARENT, customer, guest
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.wire import Lenient, Message

Serve = Callable[..., Awaitable[str]]


class Note(Message, frozen=True, kw_only=True):
    text: str
    price: Money = Money(0)


class ColoredNote(Note, frozen=True, kw_only=True):
    """A request as a later release may have it."""

    color: str = ""


class Text(Lenient, frozen=True, kw_only=True):
    """An answer as an earlier release may have had it."""

    text: str


def operation(name: str, *, access: Access = Access.PUBLIC, route: Any = None, **more: Any) -> AnyOperation:
    kinds = {"request": Note, "response": Note}
    return Operation(name, "books", route or POST(f"/{name}"), access=access, summary=name, **kinds | more)


Echo, Add, Fail, Hang = operation("echo"), operation("add"), operation("fail"), operation("hang")
Administrate = operation("administrate", access=Access.ADMIN)
Watch = operation("watch", route=GET("/watch"), streams=True)
Internal = Operation(
    "internal", "books", None, request=Note, response=Note, access=Access.SERVICE, summary="For orders alone"
)
Unknown = operation("unknown")
NOTE = Note(text="häßlich", price=Money(255))

FAILURES = {
    "conflict": conflict("taken", "Taken.", title="Somebody has it"),
    "invalid": invalid("too_small", "Too small.", **{"items[0]": "Too small"}),
    "missing": not_found("no_note", "No note."),
    "busy": too_many("busy", "Busy.", retry_after_s=3.0),
    "down": unavailable("down", "Down."),
    "lost": timeout_unknown("lost", "Lost."),
}


class Books:
    """The service that is called. It keeps the contexts of its calls."""

    def __init__(self) -> None:
        self.contexts: list[Context[Any]] = []
        self.remaining_s: list[float] = []

    async def echo(self, ctx: Context[Any], note: Note) -> Note:
        self.contexts.append(ctx)
        self.remaining_s.append(ctx.call_info.deadline.remaining_s)
        return note

    async def add(self, _ctx: Context[Any], note: Note) -> Created[Note]:
        return Created(note)

    async def fail(self, _ctx: Context[Any], note: Note) -> Note:
        raise FAILURES.get(note.text) or ZeroDivisionError("unforeseen")

    async def hang(self, _ctx: Context[Any], note: Note) -> Note:
        await asyncio.sleep(60)
        return note

    async def watch(self, _ctx: Context[Any], note: Note) -> AsyncIterator[Note]:
        if note.text == "refused":
            raise FAILURES["conflict"]
        yield Note(text="one")
        yield Note(text="two")
        if note.text == "broken":
            raise FAILURES["down"]


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def url(
    books: Books,
    serve: Serve,
    make_instance: Callable[..., Instance],
    public_keys: PublicKeys,
    lines: RecordedLines,
) -> str:
    implements: dict[AnyOperation, Any] = {Echo: books.echo, Add: books.add, Fail: books.fail, Hang: books.hang}
    implements |= {Administrate: books.echo, Internal: books.echo, Watch: books.watch}
    local = LocalDispatcher({"internal": {"orders"}})
    local.bind(make_instance(name="books", implements=implements), local)
    verifier = TokenVerifier(public_keys, "books")
    return await serve(app([internal_route(implements, local, verifier, SystemClock(), lines.log())], {}))


@pytest.fixture
async def connect(signing_keys: dict[str, SigningKey]) -> AsyncIterator[Callable[..., HttpDispatcher]]:
    """Makes the dispatcher of a service that calls `books` at a URL."""
    made: list[HttpDispatcher] = []

    def connect(url: str, service: str = "orders") -> HttpDispatcher:
        made.append(HttpDispatcher({"books": url}, CallTokens(signing_keys[service])))
        return made[-1]

    yield connect
    for dispatcher in made:
        await dispatcher.close()


def call(identity: Identity = ANONYMOUS, timeout_s: float = 10.0) -> Call:
    return Call(Caller(identity, "orders"), TRACEPARENT, Deadline.after(timeout_s))


async def failure_of(work: Awaitable[Any]) -> SoukError:
    with pytest.raises(SoukError) as caught:
        await work
    return caught.value


async def test_request_and_response_cross_as_they_are(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    assert await connect(url).dispatch(Echo, NOTE, call()) == NOTE


async def test_an_older_caller_passes_over_what_a_newer_service_adds(
    url: str, connect: Callable[..., HttpDispatcher]
) -> None:
    older = operation("echo", response=Text)
    assert await connect(url).dispatch(older, NOTE, call()) == Text(text=NOTE.text)


async def test_a_newer_caller_is_understood_by_an_older_service_unless_it_uses_what_is_new(
    url: str, connect: Callable[..., HttpDispatcher]
) -> None:
    newer = operation("echo", request=ColoredNote)
    assert await connect(url).dispatch(newer, ColoredNote(text="a"), call()) == Note(text="a")
    error = await failure_of(connect(url).dispatch(newer, ColoredNote(text="a", color="red"), call()))
    assert (error.kind, list(error.fields)) == (ErrorKind.INVALID, ["color"])


async def test_what_was_made_stays_told_apart(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    assert await connect(url).dispatch(Add, NOTE, call()) == Created(NOTE)


@pytest.mark.parametrize("identity", [ANONYMOUS, guest("o1"), customer("c1"), ADMIN])
async def test_identity_trace_and_deadline_are_passed_on(
    url: str, connect: Callable[..., HttpDispatcher], books: Books, identity: Identity
) -> None:
    await connect(url).dispatch(Echo, NOTE, call(identity, timeout_s=3.0))
    [ctx] = books.contexts
    assert ctx.call_info.caller == Caller(identity, "orders")
    assert ctx.traceparent[:36] == TRACEPARENT[:36]
    assert 1.0 < books.remaining_s[0] <= 3.0


@pytest.mark.parametrize("how", FAILURES)
async def test_the_callees_error_is_the_callers(url: str, connect: Callable[..., HttpDispatcher], how: str) -> None:
    error = await failure_of(connect(url).dispatch(Fail, Note(text=how), call()))
    sent = FAILURES[how]
    assert (error.kind, error.code, error.detail) == (sent.kind, sent.code, sent.detail)
    assert (error.fields, error.retry_after_s) == (sent.fields, sent.retry_after_s)


async def test_the_unforeseen_may_have_happened(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    error = await failure_of(connect(url).dispatch(Fail, Note(text="unforeseen"), call()))
    assert (error.kind, error.code) == (ErrorKind.TIMEOUT_UNKNOWN, "internal")


async def test_access_is_checked_by_the_callee(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    orders, users = connect(url), connect(url, "users")
    assert await orders.dispatch(Administrate, NOTE, call(ADMIN)) == NOTE
    assert await orders.dispatch(Internal, NOTE, call()) == NOTE
    refused = [orders.dispatch(Administrate, NOTE, call(customer("c"))), users.dispatch(Internal, NOTE, call(ADMIN))]
    assert [(await failure_of(each)).kind for each in refused] == [ErrorKind.FORBIDDEN] * 2


async def test_a_token_for_the_public_is_none_for_services(
    url: str, connect: Callable[..., HttpDispatcher], signing_keys: dict[str, SigningKey], monkeypatch: Any
) -> None:
    public = sign_public(signing_keys["users"], Identity(Role.ADMIN, "a"), issued_at=datetime.now(UTC), lifetime_s=60)
    monkeypatch.setattr(CallTokens, "token", lambda *_: public)
    assert (await failure_of(connect(url).dispatch(Echo, NOTE, call()))).kind is ErrorKind.UNAUTHENTICATED


async def test_an_operation_that_the_callee_does_not_have(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    error = await failure_of(connect(url).dispatch(Unknown, NOTE, call()))
    assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "no_such_operation")


async def test_a_request_that_does_not_fit_is_refused(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    error = await failure_of(connect(url).dispatch(Echo, {"text": 1}, call()))
    assert (error.kind, list(error.fields)) == (ErrorKind.INVALID, ["text"])


async def test_no_answer_in_time_is_unknown(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    error = await failure_of(connect(url).dispatch(Hang, NOTE, call(timeout_s=0.2)))
    assert error.kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_refused_connection_means_that_nothing_happened(connect: Callable[..., HttpDispatcher]) -> None:
    dispatcher = connect(f"http://127.0.0.1:{free_port()}")
    assert (await failure_of(dispatcher.dispatch(Echo, NOTE, call()))).kind is ErrorKind.UNAVAILABLE
    assert (await failure_of(anext(dispatcher.stream(Watch, NOTE, call())))).kind is ErrorKind.UNAVAILABLE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}}",
        b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"text":"\xff\xff"}\n',
        b'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"text":1}',
        b"HTTP/1.1 500 Oh\r\ncontent-length: 6\r\n\r\n<html>",
        b"HTTP/1.1 502 Oh\r\ncontent-length: 2\r\n\r\n\xff\xff",
    ],
)
async def test_a_broken_answer_may_have_happened(connect: Callable[..., HttpDispatcher], answer: bytes) -> None:
    async def answer_badly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer_badly, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        error = await failure_of(connect(url).dispatch(Echo, NOTE, call()))
    assert error.kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_stream_comes_one_by_one(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    assert [note.text async for note in connect(url).stream(Watch, NOTE, call())] == ["one", "two"]


async def test_a_stream_can_be_refused_and_can_break_off(url: str, connect: Callable[..., HttpDispatcher]) -> None:
    dispatcher = connect(url)
    assert (await failure_of(anext(dispatcher.stream(Watch, Note(text="refused"), call())))).code == "taken"
    stream = dispatcher.stream(Watch, Note(text="broken"), call())
    assert [(await anext(stream)).text for _ in range(2)] == ["one", "two"]
    assert (await failure_of(anext(stream))).kind is ErrorKind.UNAVAILABLE


def test_the_caller_lets_go_of_a_connection_first() -> None:
    """Else a call may be sent into one that is being closed. AWS's load balancers keep theirs for 60 s."""
    assert min(60, KEEP_ALIVE_S) > KEPT_IDLE_S
