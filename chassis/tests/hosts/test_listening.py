"""Addresses that several processes share."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from souk_chassis.hosts.http_server import HttpServer
from souk_chassis.hosts.listening import ListenError, Turnover, adopt, free_port, is_shared, listen, reserve, share

HOST = "127.0.0.1"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as opened:
        yield opened


def port_of(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


def reserved(stack: ExitStack) -> socket.socket:
    return stack.enter_context(reserve(HOST, 0))


def test_a_reserved_address_belongs_to_its_owner_alone(stack: ExitStack) -> None:
    address = reserved(stack)
    for take in (listen, reserve):
        with pytest.raises(ListenError, match=str(port_of(address))):
            take(HOST, port_of(address))
    sharer = stack.enter_context(share(address))
    sharer.listen()
    for take in (listen, reserve):
        with pytest.raises(ListenError):
            take(HOST, port_of(address))


def test_an_address_that_is_listened_on_is_not_reserved(stack: ExitStack) -> None:
    listener = stack.enter_context(listen(HOST, 0))
    with pytest.raises(ListenError):
        reserve(HOST, port_of(listener))


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels spread connections in their own way")
def test_only_those_that_listen_get_connections(stack: ExitStack) -> None:
    address = reserved(stack)
    first, second, starting = (share(address) for _ in range(3))
    stack.callback(starting.close)
    stack.callback(second.close)
    with pytest.raises(ConnectionRefusedError):
        stack.enter_context(socket.create_connection((HOST, port_of(address))))
    first.listen()
    second.listen()
    first.close()
    for _ in range(8):
        client = stack.enter_context(socket.create_connection((HOST, port_of(address)), timeout=5))
        second.settimeout(5)
        taken = stack.enter_context(second.accept()[0])
        assert taken.getpeername() == client.getsockname()


async def test_one_connection_in_so_many_responses_is_closed(stack: ExitStack) -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = stack.enter_context(listen(HOST, 0))
    server = HttpServer(Turnover(app, responses=3), listener)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            closes = []
            for _ in range(7):
                async with session.get(f"http://{HOST}:{port_of(listener)}/") as response:
                    assert await response.text() == "ok"
                    closes.append(response.headers.get("connection") == "close")
    finally:
        await asyncio.wait_for(server.stop(), 10)
    assert closes == [False, False, True, False, False, True, False]


def test_a_free_port_is_no_port_of_outgoing_connections() -> None:
    found = [free_port() for _ in range(20)]
    for port in found:
        listen(HOST, port).close()
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if range_file.exists():
        low, high = map(int, range_file.read_text().split())
        assert not [port for port in found if low <= port <= high]


@pytest.mark.parametrize("shared", [False, True])
def test_a_socket_is_handed_on_by_its_descriptor(stack: ExitStack, shared: bool) -> None:
    bound = share(reserved(stack)) if shared else listen(HOST, 0)
    port, descriptor = port_of(bound), bound.detach()
    adopted = stack.enter_context(adopt(descriptor))
    assert (port_of(adopted), is_shared(adopted)) == (port, shared)


def test_a_descriptor_that_is_no_socket_is_refused() -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(ListenError, match=r"^SOUK_LISTENER: "):
        adopt(file.fileno())
