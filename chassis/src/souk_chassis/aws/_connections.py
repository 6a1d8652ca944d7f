"""The blocking half of the transport: connections that are kept, and requests on them. Imported by the first call
alone, since `http.client` with what it imports takes 11 ms."""

import http.client
import socket
import ssl
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError
from souk_chassis.aws.transport import Exchange, HttpRequest, HttpResponse

KEPT_IDLE_S = 20.0
"""How long a connection is kept that nobody uses. AWS's servers close theirs after some more."""
MAX_ANSWER = 33_554_432
"""The most bytes of an answer. DynamoDB's largest is 16 MB of items, in JSON."""


class Origin(NamedTuple):
    """What a connection leads to."""

    scheme: str
    host: str
    port: int | None


class NothingSentError(Exception):
    """The connection broke before anything was sent that the server could act on."""


class ClosedError(Exception):
    """The connection was closed before any byte of the answer."""


class Connection:
    """One connection, used by one request at a time."""

    def __init__(self, http_connection: http.client.HTTPConnection) -> None:
        self._http = http_connection
        self.idle_since_s = 0.0

    def connect(self, ends_s: float) -> None:
        """Raises `CouldNotConnectError`."""
        try:
            self._http.connect()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            raise CouldNotConnectError(f"{self._http.host}: {error}") from error
        if time.monotonic() >= ends_s:
            self.close()
            raise CouldNotConnectError(f"{self._http.host}: no time was left to ask")

    def is_alive(self) -> bool:
        """Whether the server has kept it, too, and has said nothing that nobody asked for."""
        if time.monotonic() - self.idle_since_s > KEPT_IDLE_S:
            return False
        try:
            self._http.sock.settimeout(0.0)
            socket.socket.recv(self._http.sock, 1, socket.MSG_PEEK)  # of the plain socket, also where it is TLS
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def break_off(self) -> None:
        """Wake the thread that waits on it. Closing is that thread's."""
        sock = self._http.sock
        if sock is not None:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of the plain socket: TLS would wait for its lock
            except OSError:
                return  # it is closed already

    def close(self) -> None:
        """Close it."""
        self._http.close()

    def send(self, request: HttpRequest, exchange: Exchange, ends_s: float) -> None:
        """Send the request. Raises `NothingSentError`, what a socket raises, or `CouldNotConnectError` for one that
        was given up.

        Headers go first and alone: nobody acts on a request whose body has not come.
        """
        parts = urlsplit(request.url)
        try:
            self._http.sock.settimeout(_left_s(ends_s))
            self._http.putrequest(
                request.method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                skip_host=any(name.lower() == "host" for name in request.headers),
                skip_accept_encoding=True,
            )
            for name, value in request.headers.items():
                self._http.putheader(name, value)
            if request.body or request.method != "GET":
                self._http.putheader("Content-Length", str(len(request.body)))
            if request.body:
                self._http.endheaders()
        except OSError as error:
            raise NothingSentError(str(error)) from error
        if not exchange.may_send():
            raise CouldNotConnectError("It was given up before it was sent")
        if request.body:
            self._http.send(request.body)
        else:
            self._http.endheaders()

    def receive(self, ends_s: float) -> tuple[HttpResponse, bool]:
        """The answer, and whether the connection can be kept. Raises `ClosedError`, or what a socket raises."""
        self._http.sock.settimeout(_left_s(ends_s))
        try:
            answer = self._http.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            raise ClosedError(str(error)) from error
        body = answer.read(MAX_ANSWER + 1)
        if len(body) > MAX_ANSWER:
            raise http.client.HTTPException(f"An answer of over {MAX_ANSWER} bytes")
        # `read` with a limit does not mind an answer that is cut off; and one that does not say how long it is may be.
        if answer.length != 0 and not answer.chunked:
            raise http.client.IncompleteRead(body, answer.length)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return HttpResponse(answer.status, headers, body, answer.getheaders()), not answer.will_close


class Connections:
    """The connections of a transport, by what they lead to."""

    def __init__(self, connect_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Connection]] = {}
        self._closed = False
        self._tls: ssl.SSLContext | None = None

    def exchange(self, request: HttpRequest, exchange: Exchange, ends_s: float) -> HttpResponse:
        """See `Transport.send`. Waits: for a thread.

        A kept connection that turns out to be closed is replaced, once, where nothing was sent or nothing is risked.
        """
        parts = urlsplit(request.url)
        origin = Origin(parts.scheme, parts.hostname or "", parts.port)
        kept = self._take(origin)
        if kept is not None:
            try:
                return self._on(kept, origin, request, exchange, ends_s)
            except NothingSentError:
                pass
            except ClosedError as error:
                if not request.repeatable:
                    raise AnswerLostError(str(error)) from error
        fresh = Connection(self._new(origin, min(self._connect_timeout_s, _left_s(ends_s))))
        fresh.connect(ends_s)
        try:
            return self._on(fresh, origin, request, exchange, ends_s)
        except NothingSentError as error:
            raise CouldNotConnectError(str(error)) from error
        except ClosedError as error:
            raise AnswerLostError(str(error)) from error

    def close(self) -> None:
        """Close what nobody uses, and the rest as it comes back."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _on(
        self, connection: Connection, origin: Origin, request: HttpRequest, exchange: Exchange, ends_s: float
    ) -> HttpResponse:
        exchange.travels_on(connection)
        keep = False
        try:
            connection.send(request, exchange, ends_s)
            answer, keep = connection.receive(ends_s)
        except (OSError, http.client.HTTPException) as error:
            raise AnswerLostError(str(error) or type(error).__name__) from error
        finally:
            exchange.ends()
            if keep:
                self._give(origin, connection)
            else:
                connection.close()
        return answer

    def _take(self, origin: Origin) -> Connection | None:
        """The one that was used last: those that are not needed grow old."""
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                if not kept:
                    return None
                connection = kept.pop()
            if connection.is_alive():
                return connection
            connection.close()

    def _give(self, origin: Origin, connection: Connection) -> None:
        connection.idle_since_s = time.monotonic()
        with self._lock:
            if not self._closed:
                self._idle.setdefault(origin, []).append(connection)
                return
        connection.close()

    def _new(self, origin: Origin, timeout_s: float) -> http.client.HTTPConnection:
        if origin.scheme != "https":
            return http.client.HTTPConnection(origin.host, origin.port, timeout=timeout_s)
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()  # reads the authorities: once, and not at import
        return http.client.HTTPSConnection(origin.host, origin.port, timeout=timeout_s, context=self._tls)


def _left_s(ends_s: float) -> float:
    return max(0.001, ends_s - time.monotonic())
