"""Tries connections between hosts: a listener for each port in each, and real bytes over each connection."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from tests.infra.namespaces import Namespace
from tests.kubernetes.policies import Endpoint
from tests.kubernetes.world import PORTS, Connection

AT_ONCE = 100
"""Connections that are tried at the same time."""
ANSWER_S = 5.0
"""What has not answered by then, in seconds, is not let through. A refusal comes at once."""
SAID = b"souk"


@asynccontextmanager
async def listening(namespaces: dict[str, Namespace], endpoints: Sequence[Endpoint]) -> AsyncIterator[None]:
    """In each host something listens on each port, and answers with its name and what it was sent."""
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server | asyncio.DatagramTransport] = []
    try:
        for each in endpoints:
            for protocol, port in PORTS:
                made = _socket(namespaces[each.name], protocol)
                made.bind((each.address, port))
                if protocol == "UDP":
                    transport, _ = await loop.create_datagram_endpoint(partial(_Echo, each.name), sock=made)
                    servers.append(transport)
                else:
                    servers.append(await asyncio.start_server(_answer_as(each.name), sock=made))
        yield
    finally:
        for server in servers:
            server.close()


async def through(
    namespaces: dict[str, Namespace], endpoints: Sequence[Endpoint], tried: Iterable[Connection]
) -> set[Connection]:
    """Those of the connections over which bytes went there and back."""
    addresses = {each.name: each.address for each in endpoints}
    places = asyncio.Semaphore(AT_ONCE)

    async def attempt(connection: Connection) -> Connection | None:
        source, target, protocol, port = connection
        async with places:
            answer = await _ask(_socket(namespaces[source], protocol), (addresses[target], port))
        assert answer in (None, target.encode() + SAID), f"{connection} was answered by {answer!r}"
        return connection if answer else None

    return {each for each in await asyncio.gather(*map(attempt, tried)) if each is not None}


async def _ask(made: socket.socket, address: tuple[str, int]) -> bytes | None:
    loop = asyncio.get_running_loop()
    with made:
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(made, address)
                await loop.sock_sendall(made, SAID)
                return await loop.sock_recv(made, 100) or None
        except OSError:
            return None  # refused, or out of time, which TimeoutError says


def _socket(namespace: Namespace, protocol: str) -> socket.socket:
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    made = namespace.run(lambda: socket.socket(socket.AF_INET, kind))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the trial before has left connections in TIME_WAIT
    return made


def _answer_as(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode() + await reader.read(100))
        await writer.drain()
        writer.close()

    return answer


class _Echo(asyncio.DatagramProtocol):
    def __init__(self, name: str) -> None:
        self._name = name
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(self._name.encode() + data, addr)
