"""The transport against real servers on loopback: kept connections, faults at every place, time, and giving up."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from souk_chassis.aws import _connections
from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError
from souk_chassis.aws.transport import HttpRequest, HttpTransport
from souk_chassis.testing.waiting import until

ANSWER = b"HTTP/1.1 200 OK\r\nX-Told: yes\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Reads requests and does with each what the test says. Counts connections, and keeps what came."""

    def __init__(self, act: Callable[["Server", asyncio.StreamWriter, int], Awaitable[None]]) -> None:
        self.act = act
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b""
                self.requests.append(head + body)
                await self.act(self, writer, len(self.requests))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


@asynccontextmanager
async def serving(
    act: Callable[[Server, asyncio.StreamWriter, int], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on loopback."""
    stand_in = Server(act)
    server = await asyncio.start_server(stand_in.serve, "127.0.0.1", 0, ssl=tls)
    stand_in.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?a=b"
    try:
        yield stand_in
    finally:
        server.close()
        for writer in tuple(stand_in.open):
            writer.transport.abort()
        await server.wait_closed()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """A transport that leaves no thread behind."""
    made = HttpTransport(timeout_s=10.0)
    yield made
    await made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aws")]


def post(server: Server, body: bytes = b"{}", **told: object) -> HttpRequest:
    return HttpRequest("POST", server.url, {"X-One": "1"}, body, **told)  # type: ignore[arg-type]


async def answer(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
    writer.write(ANSWER)


async def test_a_request_and_its_answer(transport: HttpTransport) -> None:
    async with serving(answer) as server:
        got = await transport.send(post(server, b"hello"))
    assert (got.status, got.headers["x-told"], got.body) == (200, "yes", b"ok")
    [request] = server.requests
    assert request.startswith(b"POST /path?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-One: 1\r\n" in request
    assert request.endswith(b"Content-Length: 5\r\n\r\nhello")
    assert request.lower().count(b"host:") == 1


async def test_a_request_without_a_body_says_so(transport: HttpTransport) -> None:
    async with serving(answer) as server:
        await transport.send(post(server, b""))
        await transport.send(HttpRequest("GET", server.url, {"Host": "other"}))
    assert b"Content-Length: 0\r\n\r\n" in server.requests[0]
    assert b"Content-Length" not in server.requests[1]
    assert server.requests[1].lower().count(b"host: other") == server.requests[1].lower().count(b"host:") == 1


async def test_connections_are_kept_and_shared(transport: HttpTransport) -> None:
    async with serving(answer) as server:
        for _ in range(5):
            await transport.send(post(server))
        assert server.connections == 1
        answers = await asyncio.gather(*(transport.send(post(server)) for _ in range(100)))
    assert {each.body for each in answers} == {b"ok"}
    assert 1 <= server.connections <= 64


async def test_no_more_calls_at_once_than_allowed() -> None:
    at_once, full = [0, 0], asyncio.Event()

    async def slowly(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        if at_once[0] == 3:
            full.set()
        await asyncio.wait_for(full.wait(), 30)  # all that are allowed come, however busy the machine is
        for _turn in range(20):  # and now nobody else does
            await asyncio.sleep(0)
        at_once[0] -= 1
        writer.write(ANSWER)

    transport = HttpTransport(max_calls=3)
    async with serving(slowly) as server:
        await asyncio.gather(*(transport.send(post(server)) for _ in range(30)))
        await transport.close()
    assert (at_once, server.connections) == ([0, 3], 3)


async def test_it_serves_several_loops() -> None:
    transport = HttpTransport()
    async with serving(answer) as server:

        def elsewhere() -> bytes:
            return asyncio.run(transport.send(post(server))).body

        assert await asyncio.gather(*(asyncio.to_thread(elsewhere) for _ in range(4))) == [b"ok"] * 4
        await transport.close()


async def test_an_idle_connection_that_was_closed_is_seen_before_anything_is_sent(transport: HttpTransport) -> None:
    async with serving(answer) as server:
        await transport.send(post(server))
        for writer in tuple(server.open):
            writer.close()
        await until(lambda: not server.open)
        assert (await transport.send(post(server))).body == b"ok"  # not repeatable: nothing was sent on the old one
    assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_connection_that_has_rested_too_long_is_not_used(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer) as server:
        await transport.send(post(server))
        monkeypatch.setattr(_connections, "KEPT_IDLE_S", -1.0)
        await transport.send(post(server))
    assert server.connections == 2


async def close_the_second(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
    if number == 2:
        writer.transport.abort()
    else:
        writer.write(ANSWER)


async def test_a_kept_connection_closed_in_our_face_is_replaced_where_a_repeat_does_no_harm(
    transport: HttpTransport,
) -> None:
    async with serving(close_the_second) as server:
        await transport.send(post(server))
        assert (await transport.send(post(server, repeatable=True))).body == b"ok"
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_it_is_not_where_a_repeat_may_do_harm(transport: HttpTransport) -> None:
    async with serving(close_the_second) as server:
        await transport.send(post(server))
        with pytest.raises(AnswerLostError):
            await transport.send(post(server))
    assert len(server.requests) == 2


async def hang_up(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
    writer.transport.abort()


async def test_a_new_connection_that_breaks_is_a_lost_answer_at_once(transport: HttpTransport) -> None:
    async with serving(hang_up) as server:
        with pytest.raises(AnswerLostError):
            await transport.send(post(server, repeatable=True))
    assert len(server.requests) == 1


async def test_headers_that_cannot_be_sent_leave_nothing_done(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answer) as server:
        await transport.send(post(server))
        # As when the server's RST comes in between the look at the connection and the first write.
        monkeypatch.setattr(_connections.Connection, "is_alive", lambda _: True)
        for writer in tuple(server.open):
            writer.transport.abort()
        await until(lambda: not server.open)
        first = _connections.Connection.send

        def broken(self: _connections.Connection, *rest: object) -> None:
            monkeypatch.setattr(_connections.Connection, "send", first)
            self._http.sock.shutdown(socket.SHUT_WR)
            first(self, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(_connections.Connection, "send", broken)
        assert (await transport.send(post(server))).body == b"ok"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\n\r\nwithout a length",
        b"no HTTP at all\r\n\r\n",
    ],
)
async def test_half_an_answer_is_none(transport: HttpTransport, broken: bytes) -> None:
    async def break_off(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(broken)
        await writer.drain()
        writer.close()

    async with serving(break_off) as server:
        with pytest.raises(AnswerLostError):
            await transport.send(post(server, repeatable=True))
    assert len(server.requests) == 1


async def test_a_server_may_close_after_its_answer(transport: HttpTransport) -> None:
    async def once(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy")
        await writer.drain()
        writer.close()

    async with serving(once) as server:
        for _ in range(2):
            got = await transport.send(post(server))
            assert (got.status, got.body) == (503, b"busy")
    assert server.connections == 2


async def test_answers_in_chunks_and_without_a_body(transport: HttpTransport) -> None:
    async def chunks(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
        if number == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(chunks) as server:
        assert (await transport.send(post(server))).body == b"abc"
        assert (await transport.send(post(server))).status == 204
    assert server.connections == 1


async def test_an_answer_has_a_limit(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_connections, "MAX_ANSWER", 1)
    async with serving(answer) as server:
        with pytest.raises(AnswerLostError, match="over 1 bytes"):
            await transport.send(post(server))


async def test_a_server_that_says_nothing_or_drips_is_left(transport: HttpTransport) -> None:
    gone = asyncio.Event()

    async def drip(_: Server, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"X-More: 1\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with serving(drip) as server:
        begun = time.monotonic()
        with pytest.raises(AnswerLostError):
            await transport.send(post(server, timeout_s=0.2))
        assert time.monotonic() - begun < 5.0
        await asyncio.wait_for(gone.wait(), 5.0)  # the thread has let go of it


async def test_who_is_cancelled_leaves_no_thread_waiting(transport: HttpTransport) -> None:
    async def never(server: Server, writer: asyncio.StreamWriter, number: int) -> None:
        await writer.drain()

    async with serving(never) as server:
        task = asyncio.create_task(transport.send(post(server)))
        await until(lambda: bool(server.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not server.open)


async def test_closing_gives_up_what_is_on_its_way() -> None:
    async def never(server: Server, writer: asyncio.StreamWriter, number: int) -> None:
        await writer.drain()

    transport = HttpTransport(timeout_s=60.0)
    async with serving(never) as server:
        task = asyncio.create_task(transport.send(post(server)))
        await until(lambda: bool(server.requests))
        await transport.close()
        with pytest.raises(AnswerLostError):
            await task
    with pytest.raises(CouldNotConnectError):
        await transport.send(post(server))
    await transport.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://name.invalid/", f"http://{'a' * 70}.invalid/"])
async def test_who_cannot_be_reached_got_nothing(transport: HttpTransport, url: str) -> None:
    with pytest.raises(CouldNotConnectError):
        await transport.send(HttpRequest("POST", url, {}, b"{}"))


async def test_a_call_that_waits_for_a_thread_until_its_time_is_up_was_not_made() -> None:
    async def never(server: Server, writer: asyncio.StreamWriter, number: int) -> None:
        await writer.drain()

    transport = HttpTransport(max_calls=1)
    async with serving(never) as server:
        first = asyncio.create_task(transport.send(post(server)))
        await until(lambda: bool(server.requests))
        with pytest.raises(CouldNotConnectError):
            await transport.send(post(server, timeout_s=0.05))
        await transport.close()
        with pytest.raises(AnswerLostError):
            await first
    assert len(server.requests) == 1


def self_signed() -> bytes:
    """A certificate for 127.0.0.1 and its key, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    own = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = builder.add_extension(own, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + private


async def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    stranger, known = HttpTransport(), HttpTransport()
    async with serving(answer, context) as server:
        with pytest.raises(CouldNotConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.send(post(server))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        for _ in range(3):
            assert (await known.send(post(server))).body == b"ok"
        assert len(server.requests) == 3
    for each in (stranger, known):
        await each.close()
