"""Addresses that processes listen on: one process alone, or several that share the connections to it."""

import random
import socket
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BACKLOG = 1_024
"""Connections that wait to be accepted."""
TURNOVER = 61
"""Responses of a process that shares its address until it closes one connection. A prime: requests come in patterns."""


_PORTS = range(10_000, 65_536)
"""Where `free_port` looks: below are the ports that programs are known by."""
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Which ports the kernel gives to outgoing connections, on Linux."""


class ListenError(RuntimeError):
    """The address can't be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ListenError where the port is taken or not allowed."""
    listener = _bound(host, port)
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from None
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """An address for several processes: bound, so that nobody else gets it, but not listened on. Raises ListenError."""
    reserved = _bound(host, port)
    # After bind, which so refuses an address that others share already.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return reserved


def share(reserved: socket.socket) -> socket.socket:
    """A further socket on an address that was reserved. The process that gets it listens once it is ready, and is the
    only one to hold it: when it ends, however it ends, connections go to the others at once."""
    host, port = reserved.getsockname()[:2]
    return _bound(host, port, shared=True)


def adopt(descriptor: int) -> socket.socket:
    """The socket that another process has bound, and perhaps listens on, and has handed to this one.

    Raises ListenError.
    """
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"SOUK_LISTENER: {descriptor} is no socket: {error.strerror or error}") from None


def is_shared(listener: socket.socket) -> bool:
    """Whether other processes listen on the same address."""
    return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))


def free_port() -> int:
    """A port on the loopback interface for a program that can only be given a number, to be bound in a moment.

    The kernel gives it to no outgoing connection meanwhile, as it may with one that `bind` to port 0 returned. Where a
    program can take a socket, hand it one instead.
    """
    low, high = map(int, _OUTGOING.read_text().split()) if _OUTGOING.exists() else (0, 0)
    ports = [port for port in _PORTS if not low <= port <= high]
    while ports:
        try:
            with _bound("127.0.0.1", random.choice(ports)) as probe:  # noqa: S311 - no secret
                return int(probe.getsockname()[1])
        except ListenError:
            continue
    raise ListenError(f"all ports are given to outgoing connections: {_OUTGOING}")


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, error) from None
    bound.setblocking(False)
    return bound


def _cannot_listen(host: str, port: int, error: OSError) -> ListenError:
    return ListenError(f"can't listen on {host}:{port}: {error.strerror or error}")


class Turnover:
    """Closes one connection in so many, so that kept connections spread anew over the processes of an address: those
    that were opened while one of them was away would else leave it idle for as long as they last."""

    def __init__(self, app: ASGIApp, responses: int = TURNOVER) -> None:
        self._app = app
        self._responses = responses
        self._answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the client is told with the response that its connection closes after it."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered += 1
                if self._answered % self._responses == 0:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, counted)
