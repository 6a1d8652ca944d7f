"""What the tests of notifications share: contexts, a users service that answers or does not, and a real mail server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity
from souk_chassis.context import Call, Context
from souk_chassis.errors import SoukError
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline
from souk_chassis.storage.record_memory import MemoryRecords
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines
from souk_contracts.users import Contact, Contacts
from souk_notifications.operations import Notifications
from souk_notifications.transports.mailbox import Mailbox


class UsersService:
    """Answers `find_contacts` from `emails`, or fails as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.emails = {"ada": "ada@example.org", "bob": "bob@example.org"}
        self.failure: SoukError | None = None
        self.asked: list[tuple[str, ...]] = []

    async def dispatch(self, operation: Any, request: Any, call: Call) -> Any:
        assert operation.name == "find_contacts"
        assert call.caller.service == "notifications"
        self.asked.append(request.user_ids)
        if self.failure is not None:
            raise self.failure
        found = {user_id: self.emails[user_id] for user_id in request.user_ids if user_id in self.emails}
        return Contacts(items=tuple(Contact(user_id=u, email=e, name=u.title()) for u, e in found.items()))

    def stream(self, operation: Any, request: Any, call: Call) -> Any:
        raise AssertionError(f"streamed {operation.name}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log_lines() -> RecordedLines:
    return RecordedLines()


@pytest.fixture
def users_service() -> UsersService:
    return UsersService()


@pytest.fixture
def notifications(clock: ManualClock) -> Notifications:
    store = MemoryRecords("notifications", clock)
    return Notifications(store, store, Mailbox())


@pytest.fixture
def as_caller(
    notifications: Notifications, clock: ManualClock, log_lines: RecordedLines, users_service: UsersService
) -> Callable[..., Context[Notifications]]:
    """Makes the context of a call on behalf of an identity."""

    def context(identity: Identity = ANONYMOUS, deps: Notifications = notifications) -> Context[Notifications]:
        call = Call(Caller(identity, "notifications"), TRACEPARENT, Deadline.after(30.0, clock))
        log = Log("notification-service", log_lines)
        return Context(deps, "notifications", log, clock, users_service, call, deps.store)

    return context


@dataclass
class MailServer:
    """A mail server that keeps what it takes, and answers as told: a reply by address, a reply to the data."""

    port: int = 0
    to_recipients: dict[str, str] = field(default_factory=dict)
    to_sender: str | None = None
    to_data: str | None = None
    hang_up_on_data: bool = False
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0
    encrypted: int = 0

    # The names are those of aiosmtpd's hooks.
    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender is not None:
            return self.to_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.to_recipients.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hang_up_on_data:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if self.to_data is not None:
            return self.to_data
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.encrypted += session.ssl is not None
        self.taken += [(address, message) for address in envelope.rcpt_tos]
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        right = data.password == b"p:w@rd"
        return AuthResult(success=right, handled=right)


ServeMail = Callable[..., Any]


@pytest.fixture
def serve_mail() -> ServeMail:
    """Runs a mail server on a free loopback port, with options of aiosmtpd's SMTP."""

    @asynccontextmanager
    async def serve(server: MailServer, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: SMTP(server, hostname="mail.test", loop=loop, **options), "127.0.0.1", server.port, ssl=tls
        )
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            listener.close()

    return serve


@pytest.fixture
def mail_server() -> MailServer:
    return MailServer()
