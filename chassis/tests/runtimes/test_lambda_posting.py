"""From a function to a service in a container: a real server on loopback, asked by a transport on threads."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from souk_chassis.auth.identity import Caller, Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.clock import SystemClock
from souk_chassis.context import Call, Context
from souk_chassis.engine.dispatch import CalleeDispatcher, LocalDispatcher
from souk_chassis.errors import ErrorKind, SoukError, conflict
from souk_chassis.hosts.http_server import HttpServer
from souk_chassis.hosts.listening import listen
from souk_chassis.operation import Access, Created, Operation
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.asgi import app, internal_route
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_posting import PostingDispatcher, http_transport
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.wire import Message


class Book(Message, frozen=True, kw_only=True):
    title: str


def operation(name: str) -> Any:
    return Operation(name, "books", None, request=Book, response=Book, access=Access.SERVICE, summary=name)


Lend, Add, Refuse, Hang = (operation(name) for name in ("lend", "add", "refuse", "hang"))


async def lend(ctx: Context[Any], request: Book) -> Book:
    assert ctx.call_info.caller.service == "readers"
    return Book(title=f"{request.title}, lent to {ctx.identity.user_id}")


async def add(_: Context[Any], request: Book) -> Created:
    return Created(request)


async def refuse(_: Context[Any], request: Book) -> Book:
    raise conflict("lent_out", "It is lent out.", title=request.title)


async def hang(_: Context[Any], request: Book) -> Book:
    await asyncio.sleep(60)
    return request


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key("readers")


@pytest.fixture
async def serve(
    make_instance: Callable[..., Instance], key: SigningKey
) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Starts the service. Returns its URL."""
    servers: list[HttpServer] = []

    async def start() -> str:
        implemented = {Lend: lend, Add: add, Refuse: refuse, Hang: hang}
        instance = make_instance(name="books", implements=implemented)
        local = LocalDispatcher({each.name: ["readers"] for each in implemented})
        local.bind(instance, FakeDispatcher())
        verifier = TokenVerifier(PublicKeys({"readers": key.private.public_key()}), "books")
        route = internal_route(implemented, local, verifier, SystemClock(), RecordedLines().log())
        listener = listen("127.0.0.1", 0)
        servers.append(HttpServer(app([route], {}), listener))
        await servers[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = http_transport()
    yield made
    await made.close()


def call(remaining_s: float = 10.0) -> Call:
    return Call(Caller(Identity(Role.CUSTOMER, "ada")), TRACEPARENT, Deadline.after(remaining_s))


def to(url: str, transport: HttpTransport, key: SigningKey) -> CalleeDispatcher:
    return CalleeDispatcher({"books": PostingDispatcher(transport, {"books": url}, CallTokens(key))})


async def test_a_call_and_its_answer(serve: Any, transport: HttpTransport, key: SigningKey) -> None:
    way = to(await serve(), transport, key)
    assert await way.dispatch(Lend, Book(title="Emma"), call()) == Book(title="Emma, lent to ada")
    added = await way.dispatch(Add, Book(title="Emma"), call())
    assert isinstance(added, Created)
    assert added.value == Book(title="Emma")


async def test_a_refusal_comes_back_as_it_was_raised(serve: Any, transport: HttpTransport, key: SigningKey) -> None:
    with pytest.raises(SoukError) as caught:
        await to(await serve(), transport, key).dispatch(Refuse, Book(title="Emma"), call())
    error = caught.value
    assert (error.kind, error.code, error.fields) == (ErrorKind.CONFLICT, "lent_out", {"title": "Emma"})


async def test_a_key_that_nobody_knows(serve: Any, transport: HttpTransport) -> None:
    with pytest.raises(SoukError) as caught:
        await to(await serve(), transport, new_key("strangers")).dispatch(Lend, Book(title="Emma"), call())
    assert caught.value.kind is ErrorKind.UNAUTHENTICATED


async def test_nobody_is_there(transport: HttpTransport, key: SigningKey) -> None:
    with pytest.raises(SoukError) as caught:
        await to("http://127.0.0.1:1", transport, key).dispatch(Lend, Book(title="Emma"), call())
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "service_unavailable")


async def test_no_answer_in_time(serve: Any, transport: HttpTransport, key: SigningKey) -> None:
    way = to(await serve(), transport, key)
    await way.dispatch(Lend, Book(title="Emma"), call())
    with pytest.raises(SoukError) as caught:
        await way.dispatch(Hang, Book(title="Emma"), call(0.3))
    assert caught.value.kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_service_that_breaks_off(transport: HttpTransport, key: SigningKey) -> None:
    """It may have happened."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65_536)
        connection.close()

    breaking = asyncio.get_running_loop().run_in_executor(None, answer)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(SoukError) as caught:
        await to(url, transport, key).dispatch(Lend, Book(title="Emma"), call())
    assert (caught.value.kind, caught.value.code) == (ErrorKind.TIMEOUT_UNKNOWN, "no_answer")
    await breaking
    listener.close()
