"""Mails by Amazon SES, through the chassis' own client, against a server on a loopback port that answers as SES."""

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiohttp import web

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.clock import SystemClock
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import BreakerState, Policy
from souk_contracts.orders import OrderConfirmed
from souk_notifications.domain import MailStatus, Receipt
from souk_notifications.ports import Notice
from souk_notifications.transports import sending, ses
from souk_notifications.transports.sending import LANES
from souk_notifications.transports.ses import SesTransport
from souk_notifications.transports.smtp_settings import read_sender

SENDER = read_sender("The Shop <shop@example.org>")
UNVERIFIED = "Email address is not verified. The following identities failed the check in region EU-WEST-1: "
THROTTLED = (429, "TooManyRequestsException", "Maximum sending rate exceeded.")


class Ses:
    """Keeps what it takes, and answers first what it was told, by address or in turn: status, type, message."""

    def __init__(self) -> None:
        self.url = ""
        self.by_address: dict[str, tuple[int, str, str]] = {}
        self.in_turn: deque[tuple[int, str, str]] = deque()
        self.taken: list[tuple[str, EmailMessage]] = []
        self.requests: list[web.Request] = []
        self.at_once = self.most_at_once = 0
        self.hold: asyncio.Event | None = None
        self.hang_up = False

    async def send_email(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        body = await request.json()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        self.at_once -= 1
        if self.hang_up:
            assert request.transport is not None
            request.transport.abort()
        [to] = body["Destination"]["ToAddresses"]
        told = self.in_turn.popleft() if self.in_turn else self.by_address.get(to)
        if told is not None:
            status, kind, text = told
            return web.json_response({"message": text}, status=status, headers={"x-amzn-ErrorType": kind})
        assert body["FromEmailAddress"] == "shop@example.org"
        message = message_from_bytes(base64.b64decode(body["Content"]["Raw"]["Data"]), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((to, message))
        return web.json_response({"MessageId": f"m{len(self.taken)}"})


@pytest.fixture
async def server() -> AsyncIterator[Ses]:
    told = Ses()
    application = web.Application()
    application.router.add_post("/v2/email/outbound-emails", told.send_email)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    if told.hold is not None:
        told.hold.set()
    await runner.cleanup()


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
async def make_transport(recorded: Recorded) -> AsyncIterator[Callable[[str], SesTransport]]:
    made = []

    def make(url: str) -> SesTransport:
        key = FixedCredentials(Credentials("AKIDEXAMPLE", "secret", "session"))
        transport = SesTransport(AwsClient("eu-west-1", key, HttpTransport(), url), SENDER, recorded, SystemClock())
        made.append(transport)
        return transport

    yield make
    for transport in made:
        await transport.close()


@pytest.fixture
def transport(server: Ses, make_transport: Callable[[str], SesTransport]) -> SesTransport:
    return make_transport(server.url)


def notice(order_id: str, to: str | None = "ada@example.org") -> Notice:
    return Notice(OrderConfirmed(order_id=order_id, total_minor=255, currency="GBP"), to)


def sent(to: str = "ada@example.org") -> Receipt:
    return Receipt(to, MailStatus.SENT)


def failure(answer: Receipt | SoukError) -> tuple[ErrorKind, str]:
    assert isinstance(answer, SoukError)
    return answer.kind, answer.code


class TestDelivery:
    """With SES well."""

    async def test_a_mail_arrives_signed(self, server: Ses, transport: SesTransport) -> None:
        assert await transport.deliver([notice("o1")]) == [sent()]
        [(to, message)] = server.taken
        assert (to, message["To"], message["From"]) == ("ada@example.org",) * 2 + ("The Shop <shop@example.org>",)
        assert (message["Subject"], message["Auto-Submitted"]) == ("Your order o1 is confirmed", "auto-generated")
        assert "2.55 GBP" in message.get_content()
        [request] = server.requests
        assert "/eu-west-1/ses/aws4_request" in request.headers["Authorization"]
        assert request.headers["X-Amz-Security-Token"] == "session"

    async def test_many_go_a_few_at_once(self, server: Ses, transport: SesTransport) -> None:
        notices = [notice(f"o{n}", f"c{n}@example.org") for n in range(5 * LANES)]
        assert await transport.deliver(notices) == [sent(f"c{n}@example.org") for n in range(5 * LANES)]
        assert sorted(to for to, _ in server.taken) == sorted(str(one.to) for one in notices)
        assert 1 < server.most_at_once <= LANES

    async def test_what_is_recorded_is_not_sent_again(
        self, server: Ses, transport: SesTransport, recorded: Recorded
    ) -> None:
        recorded.receipts["order:o1:confirmed"] = Receipt("old@example.org", MailStatus.REFUSED)
        answers = await transport.deliver([notice("o1"), notice("o2"), notice("o3", None)])
        assert answers == [
            Receipt("old@example.org", MailStatus.REFUSED),
            sent(),
            Receipt(None, MailStatus.NO_ADDRESS),
        ]
        assert len(server.taken) == 1

    async def test_what_was_sent_and_not_recorded_is_not_sent_again(self, server: Ses, transport: SesTransport) -> None:
        assert await transport.deliver([notice("o1")]) == [sent()]
        assert await transport.deliver([notice("o1")] * 2) == [sent()] * 2
        assert len(server.taken) == 1

    async def test_an_address_that_is_none_is_refused_unsent(self, server: Ses, transport: SesTransport) -> None:
        to = "a@b.c\r\nBcc: eve@example.org"
        assert await transport.deliver([notice("o1", to)]) == [Receipt(to, MailStatus.REFUSED)]
        assert not server.requests


class TestRefusal:
    """With SES saying no."""

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("MessageRejected", "The message was rejected."),
            ("MessageRejected", f"{UNVERIFIED}ada@example.org"),
            ("BadRequestException", "Domain contains illegal character"),
            ("BadRequestException:http://internal.amazon.com/coral/", "Missing final '@domain'"),
        ],
    )
    async def test_a_refused_mail_is_recorded_and_spoils_no_other(
        self, server: Ses, transport: SesTransport, kind: str, text: str
    ) -> None:
        server.by_address["ada@example.org"] = (400, kind, text)
        answers = await transport.deliver([notice("o1"), notice("o2", "bob@example.org")])
        assert answers == [Receipt("ada@example.org", MailStatus.REFUSED), sent("bob@example.org")]
        assert await transport.deliver([notice("o1")]) == answers[:1]

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("MailFromDomainNotVerifiedException", "The domain is not verified."),
            ("MessageRejected", f"{UNVERIFIED}Shop@Example.org"),
            ("MessageRejected", f"{UNVERIFIED}The Shop <shop@example.org>, ada@example.org"),
            ("MessageRejected", f"{UNVERIFIED}example.org"),
        ],
    )
    async def test_a_refused_sender_is_nobodys_mail(
        self, server: Ses, transport: SesTransport, kind: str, text: str
    ) -> None:
        server.in_turn.append((400, kind, text))
        assert failure((await transport.deliver([notice("o1")]))[0]) == (ErrorKind.UNAVAILABLE, "mail_sender_refused")
        assert await transport.deliver([notice("o1")]) == [sent()]

    @pytest.mark.parametrize(
        ("status", "kind", "expected"),
        [
            (400, "AccountSuspendedException", (ErrorKind.UNAVAILABLE, "mail_server_unavailable")),
            (400, "SendingPausedException", (ErrorKind.UNAVAILABLE, "mail_server_unavailable")),
            (403, "AccessDeniedException", (ErrorKind.UNAVAILABLE, "mail_server_unavailable")),
            (404, "NotFoundException", (ErrorKind.UNAVAILABLE, "mail_server_unavailable")),
            (413, "", (ErrorKind.UNAVAILABLE, "mail_server_unavailable")),
            (400, "LimitExceededException", (ErrorKind.TOO_MANY, "mail_deferred")),
            (503, "ServiceUnavailable", (ErrorKind.UNAVAILABLE, "aws_unavailable")),
            (500, "InternalFailure", (ErrorKind.TIMEOUT_UNKNOWN, "aws_answer_lost")),
        ],
    )
    async def test_what_is_about_the_account_comes_again(
        self, server: Ses, transport: SesTransport, status: int, kind: str, expected: tuple[ErrorKind, str]
    ) -> None:
        server.in_turn.append((status, kind, "arn:aws:ses:eu-west-1:123456789012:identity/x"))
        [answer] = await transport.deliver([notice("o1")])
        assert failure(answer) == expected
        assert "123456789012" not in str(answer)
        assert await transport.deliver([notice("o1")]) == [sent()]


class TestTrouble:
    """With SES throttling, away, or silent."""

    async def test_what_is_throttled_is_tried_again_for_a_while(
        self, server: Ses, transport: SesTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ses, "THROTTLED_PAUSE_S", 0.001)
        server.in_turn.extend([THROTTLED] * 5)
        assert await transport.deliver([notice("o1"), notice("o2")]) == [sent(), sent()]
        assert (len(server.taken), len(server.requests)) == (2, 7)

    async def test_what_is_throttled_for_long_comes_again_and_the_breaker_stays_closed(
        self, server: Ses, transport: SesTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ses, "THROTTLED_PATIENCE_S", 0.0)
        server.in_turn.extend([THROTTLED] * 60)
        answers = await transport.deliver([notice(f"o{n}") for n in range(60)])
        assert {failure(answer) for answer in answers} == {(ErrorKind.TOO_MANY, "mail_deferred")}
        assert transport.pipeline.snapshot().state is BreakerState.CLOSED
        assert await transport.deliver([notice("o1")]) == [sent()]

    async def test_a_mail_whose_answer_is_lost_comes_again(self, server: Ses, transport: SesTransport) -> None:
        server.hang_up = True
        assert failure((await transport.deliver([notice("o1")]))[0])[0] is ErrorKind.TIMEOUT_UNKNOWN
        assert len(server.requests) == 1  # SES knows no repeats: it is not asked twice on a hunch
        server.hang_up = False
        assert await transport.deliver([notice("o1")]) == [sent()]

    async def test_ses_that_is_away_is_told_of(self, make_transport: Callable[[str], SesTransport]) -> None:
        answers = await make_transport("http://127.0.0.1:1").deliver([notice(f"o{n}") for n in range(20)])
        codes = {failure(answer)[1] for answer in answers}
        assert codes == {"aws_unavailable", "breaker_open"}

    async def test_silence_is_given_up_in_time(
        self, server: Ses, make_transport: Callable[[str], SesTransport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ses, "POLICY", Policy(timeout_s=0.2, attempts=1))
        server.hold = asyncio.Event()
        async with asyncio.timeout(5):
            [answer] = await make_transport(server.url).deliver([notice("o1")])
        assert failure(answer)[0] is ErrorKind.TIMEOUT_UNKNOWN

    async def test_what_is_not_begun_in_time_comes_again(
        self, server: Ses, transport: SesTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "BEGIN_WITHIN_S", 0.0)
        answers = await transport.deliver([notice("o1"), notice("o2")])
        assert [failure(answer) for answer in answers] == [(ErrorKind.UNAVAILABLE, "mail_not_begun")] * 2
        assert not server.requests

    def test_a_batch_ends_before_its_lease(self) -> None:
        assert 10.0 + sending.BEGIN_WITHIN_S + ses.POLICY.timeout_s <= 24.0
        assert ses.POLICY.slow_call_s > ses.THROTTLED_PATIENCE_S
