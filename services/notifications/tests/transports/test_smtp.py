"""Mails over SMTP, against a real server on a loopback port."""

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from souk_chassis.clock import SystemClock
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import BreakerState, Policy
from souk_contracts.orders import OrderConfirmed
from souk_notifications.domain import MailStatus, Receipt
from souk_notifications.ports import Notice
from souk_notifications.transports import sending, smtp
from souk_notifications.transports.sending import LANES
from souk_notifications.transports.smtp import SmtpTransport
from souk_notifications.transports.smtp_settings import read_sender, read_server

SENDER = read_sender("The Shop <shop@example.org>")


class Recorded:
    """The mails that the store has."""

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}

    async def __call__(self, keys: Collection[str]) -> Mapping[str, Receipt]:
        return {key: self.receipts[key] for key in keys if key in self.receipts}


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def transport_to(recorded: Recorded) -> Callable[[str], SmtpTransport]:
    return lambda url: SmtpTransport(read_server(url), SENDER, recorded, SystemClock())


def notice(order_id: str, to: str | None = "ada@example.org") -> Notice:
    return Notice(OrderConfirmed(order_id=order_id, total_minor=255, currency="GBP"), to)


def sent(to: str = "ada@example.org") -> Receipt:
    return Receipt(to, MailStatus.SENT)


def failure(answer: Receipt | SoukError) -> tuple[ErrorKind, str]:
    assert isinstance(answer, SoukError)
    return answer.kind, answer.code


class TestDelivery:
    """With a server that is well."""

    async def test_a_mail_arrives(self, serve_mail: Any, mail_server: Any, transport_to: Any) -> None:
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            assert await transport.deliver([notice("o1")]) == [sent()]
        [(to, message)] = mail_server.taken
        assert (to, message["To"], message["From"]) == ("ada@example.org",) * 2 + ("The Shop <shop@example.org>",)
        assert message["Subject"] == "Your order o1 is confirmed"
        assert "2.55 GBP" in message.get_content()

    async def test_many_share_few_connections(self, serve_mail: Any, mail_server: Any, transport_to: Any) -> None:
        notices = [notice(f"o{n}", f"c{n}@example.org") for n in range(5 * LANES)]
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver(notices)
        assert answers == [sent(f"c{n}@example.org") for n in range(5 * LANES)]
        assert sorted(to for to, _ in mail_server.taken) == sorted(str(one.to) for one in notices)
        assert mail_server.connections <= LANES

    async def test_without_an_address_nothing_is_sent(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1", None)])
        assert answers == [Receipt(None, MailStatus.NO_ADDRESS)]
        assert mail_server.connections == 0

    async def test_what_is_recorded_is_not_sent_again(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, recorded: Recorded
    ) -> None:
        recorded.receipts["order:o1:confirmed"] = Receipt("old@example.org", MailStatus.REFUSED)
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1"), notice("o2")])
        assert answers == [Receipt("old@example.org", MailStatus.REFUSED), sent()]
        assert len(mail_server.taken) == 1

    async def test_what_was_sent_and_not_recorded_is_not_sent_again(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            assert await transport.deliver([notice("o1")]) == await transport.deliver([notice("o1")]) == [sent()]
        assert len(mail_server.taken) == 1

    async def test_another_process_sends_it_with_the_same_id(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            for _ in range(2):
                await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1")])
        first, second = (message["Message-ID"] for _, message in mail_server.taken)
        assert first == second

    async def test_one_key_twice_in_a_batch_is_one_mail(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1")] * 2)
        assert answers == [sent(), sent()]
        assert len(mail_server.taken) == 1

    async def test_what_is_remembered_is_bounded(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "REMEMBERED", 3)
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            await transport.deliver([notice(f"o{n}") for n in range(9)])
        assert len(transport._sent) == 3


class TestRefusal:
    """With a server that says no."""

    @pytest.mark.parametrize("code", [550, 553, 571])
    async def test_a_refused_recipient_is_recorded_and_spoils_no_other(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, code: int
    ) -> None:
        mail_server.to_recipients["gone@example.org"] = f"{code} no such user"
        notices = [notice("o1", "gone@example.org"), notice("o2")]
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            assert await transport.deliver(notices) == [Receipt("gone@example.org", MailStatus.REFUSED), sent()]
            assert await transport.deliver(notices[:1]) == [Receipt("gone@example.org", MailStatus.REFUSED)]
        assert transport.pipeline.snapshot().sent == 2

    async def test_a_recipient_put_off_comes_again_and_spoils_no_other(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        mail_server.to_recipients["grey@example.org"] = "450 come again"
        notices = [notice("o1", "grey@example.org"), notice("o2")]
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            answers = await transport.deliver(notices)
            assert failure(answers[0]) == (ErrorKind.TOO_MANY, "mail_deferred")
            assert answers[1] == sent()
            mail_server.to_recipients.clear()
            assert await transport.deliver(notices[:1]) == [sent("grey@example.org")]

    async def test_many_put_off_do_not_open_the_breaker(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        mail_server.to_recipients["ada@example.org"] = "451 come again"
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            await transport.deliver([notice(f"o{n}") for n in range(30)])
        assert transport.pipeline.snapshot().state is BreakerState.CLOSED
        assert mail_server.connections <= LANES

    @pytest.mark.parametrize(
        ("reply", "expected"),
        [
            ("554 looks like spam", Receipt("ada@example.org", MailStatus.REFUSED)),
            ("452 disk full", (ErrorKind.TOO_MANY, "mail_deferred")),
            ("421 going down", (ErrorKind.UNAVAILABLE, "mail_server_closing")),
        ],
    )
    async def test_a_refused_text(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, reply: str, expected: Any
    ) -> None:
        mail_server.to_data = reply
        async with serve_mail(mail_server):
            [answer] = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1")])
        assert answer == expected or failure(answer) == expected

    async def test_a_refused_sender_is_nobodys_mail(self, serve_mail: Any, mail_server: Any, transport_to: Any) -> None:
        mail_server.to_sender = "553 not you"
        async with serve_mail(mail_server):
            [answer] = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1")])
        assert failure(answer) == (ErrorKind.UNAVAILABLE, "mail_sender_refused")

    @pytest.mark.parametrize("to", ["a@b.c\r\nBcc: eve@example.org", "a@b.c, eve@example.org", "\u00e4@example.org"])
    async def test_an_address_that_is_none_is_refused_unsent(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, to: str
    ) -> None:
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1", to)])
        assert answers == [Receipt(to, MailStatus.REFUSED)]
        assert mail_server.taken == []


class TestTrouble:
    """With a server that is away, hangs up, or crawls."""

    async def test_a_server_that_is_away_is_told_of_and_left_alone(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            url = f"smtp://127.0.0.1:{mail_server.port}"
        transport = transport_to(url)
        answers = await transport.deliver([notice(f"o{n}") for n in range(20)])
        codes = [failure(answer)[1] for answer in answers]
        assert codes.count("mail_server_unavailable") >= 10
        assert set(codes) == {"mail_server_unavailable", "breaker_open"}

    async def test_a_connection_that_breaks_leaves_it_open_whether_it_arrived(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        mail_server.hang_up_on_data = True
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp://127.0.0.1:{mail_server.port}")
            [answer] = await transport.deliver([notice("o1")])
            assert failure(answer)[0] is ErrorKind.TIMEOUT_UNKNOWN
            mail_server.hang_up_on_data = False
            assert await transport.deliver([notice("o1")]) == [sent()]

    async def test_a_server_that_hangs_is_given_up_in_time(
        self, transport_to: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smtp, "POLICY", Policy(timeout_s=0.2, attempts=1))
        ended = asyncio.Event()

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            ended.set()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with asyncio.timeout(5):
                [answer] = await transport_to(f"smtp://127.0.0.1:{port}").deliver([notice("o1")])
                await ended.wait()  # the connection was closed on this side
        assert failure(answer)[0] in {ErrorKind.TIMEOUT_UNKNOWN, ErrorKind.UNAVAILABLE}

    async def test_what_is_not_begun_in_time_comes_again(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "BEGIN_WITHIN_S", 0.0)
        async with serve_mail(mail_server):
            answers = await transport_to(f"smtp://127.0.0.1:{mail_server.port}").deliver([notice("o1"), notice("o2")])
        assert [failure(answer) for answer in answers] == [(ErrorKind.UNAVAILABLE, "mail_not_begun")] * 2

    async def test_a_batch_ends_before_its_lease(self) -> None:
        longest_s = 10.0 + sending.BEGIN_WITHIN_S + smtp.POLICY.timeout_s
        assert longest_s <= 24.0


class TestLoginAndTls:
    """Passwords and encryption."""

    @pytest.fixture
    def tls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
        """A certificate of its own, trusted through `SSL_CERT_FILE`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = certificate.public_bytes(serialization.Encoding.PEM)
        (tmp_path / "both.pem").write_bytes(private + public)
        (tmp_path / "certificate.pem").write_bytes(public)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "both.pem")
        return context

    @pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # the server is this machine's
    async def test_a_password_opens_the_server(self, serve_mail: Any, mail_server: Any, transport_to: Any) -> None:
        login = {"authenticator": mail_server.authenticate, "auth_required": True, "auth_require_tls": False}
        async with serve_mail(mail_server, **login):
            address = f"127.0.0.1:{mail_server.port}"
            assert await transport_to(f"smtp://shop:p%3Aw%40rd@{address}").deliver([notice("o1")]) == [sent()]
            [answer] = await transport_to(f"smtp://shop:wr0ng@{address}").deliver([notice("o2")])
        assert mail_server.logins[0] == (b"shop", b"p:w@rd")
        assert failure(answer) == (ErrorKind.UNAVAILABLE, "mail_server_unavailable")
        assert "wr0ng" not in str(answer)

    @pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
    async def test_starttls_is_taken_where_offered(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, tls: ssl.SSLContext, scheme: str
    ) -> None:
        async with serve_mail(mail_server, tls_context=tls):
            transport = transport_to(f"{scheme}://127.0.0.1:{mail_server.port}")
            assert await transport.deliver([notice("o1")]) == [sent()]
        assert mail_server.encrypted == 1

    async def test_starttls_that_is_demanded_is_not_done_without(
        self, serve_mail: Any, mail_server: Any, transport_to: Any
    ) -> None:
        async with serve_mail(mail_server):
            transport = transport_to(f"smtp+starttls://127.0.0.1:{mail_server.port}")
            [answer] = await transport.deliver([notice("o1")])
        assert failure(answer) == (ErrorKind.UNAVAILABLE, "mail_server_unavailable")
        assert mail_server.taken == []

    async def test_tls_from_the_first_byte(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, tls: ssl.SSLContext
    ) -> None:
        async with serve_mail(mail_server, tls=tls):
            transport = transport_to(f"smtps://127.0.0.1:{mail_server.port}")
            assert await transport.deliver([notice("o1")]) == [sent()]
        assert len(mail_server.taken) == 1

    async def test_a_certificate_of_nobody_is_refused(
        self, serve_mail: Any, mail_server: Any, transport_to: Any, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        async with serve_mail(mail_server, tls=tls):
            [answer] = await transport_to(f"smtps://127.0.0.1:{mail_server.port}").deliver([notice("o1")])
        assert failure(answer) == (ErrorKind.UNAVAILABLE, "mail_server_unavailable")
        assert mail_server.taken == []
