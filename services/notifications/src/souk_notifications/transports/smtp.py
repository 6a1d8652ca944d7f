"""Mails over SMTP, of which Amazon SES has one too.

Sending and recording can't be one transaction: a process that dies between them sends the mail again, with the same
Message-ID. What was recorded, or sent by this process before, is not sent again.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address

from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.resilience import Deadline, Pipeline, Policy
from souk_notifications.domain import MailStatus, Receipt, mail_key, write_letter
from souk_notifications.ports import Notice
from souk_notifications.transports.message import compose
from souk_notifications.transports.smtp_session import SmtpSession
from souk_notifications.transports.smtp_settings import SmtpServer

SESSIONS = 8
"""Connections to the mail server at once."""
BEGIN_WITHIN_S = 6.0
"""No mail of a batch is begun later than this: with the time for one mail and for the question to the users service it
stays below the 24 s that a consumer has for a batch. The rest of the batch comes again."""
REMEMBERED = 10_000
"""Mails sent by this process that are remembered, in case the answer was lost before it was recorded."""
POLICY = Policy(timeout_s=8.0, slow_call_s=6.0, attempts=1, max_concurrent=SESSIONS, max_waiting=SESSIONS)
"""One attempt a delivery: the queue tries again, with longer pauses."""

FindReceipts = Callable[[Collection[str]], Awaitable[Mapping[str, Receipt]]]


@dataclass(frozen=True, slots=True)
class _Parcel:
    key: str
    notice: Notice
    to: str


class SmtpTransport:
    """See `souk_notifications.ports.MailTransport`. `find_receipts` says which mails are recorded already."""

    def __init__(self, server: SmtpServer, sender: Address, find_receipts: FindReceipts, clock: Clock) -> None:
        self.pipeline = Pipeline("smtp", POLICY, clock)
        self._server = server
        self._sender = sender
        self._find_receipts = find_receipts
        self._clock = clock
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._sent: OrderedDict[str, Receipt] = OrderedDict()

    async def deliver(self, notices: Sequence[Notice]) -> Sequence[Receipt | SoukError]:
        """See the port. Two notices with the same key are one mail."""
        keys = [mail_key(notice.event) for notice in notices]
        answers: dict[str, Receipt | SoukError] = {key: self._sent[key] for key in keys if key in self._sent}
        unknown = {key for key in keys if key not in answers}
        if unknown:
            answers |= await self._find_receipts(unknown)
        parcels: deque[_Parcel] = deque()
        for key, notice in zip(keys, notices, strict=True):
            if key in answers:
                continue
            if notice.to is None:
                answers[key] = Receipt(None, MailStatus.NO_ADDRESS)
            else:
                answers[key] = unavailable("mail_not_begun", "The mail server was too slow for so many mails.")
                parcels.append(_Parcel(key, notice, notice.to))
        await self._send_all(parcels, answers)
        return [answers[key] for key in keys]

    async def close(self) -> None:
        """See the port: connections last no longer than a batch."""

    async def _send_all(self, parcels: deque[_Parcel], answers: dict[str, Receipt | SoukError]) -> None:
        begin_until = Deadline.after(BEGIN_WITHIN_S, self._clock)

        async def send_in_turn() -> None:
            async with self._sessions:
                session = SmtpSession(self._server, self._sender.domain)
                try:
                    while parcels and not begin_until.expired:
                        parcel = parcels.popleft()
                        answers[parcel.key] = await self._send(session, parcel)
                finally:
                    await session.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(SESSIONS, len(parcels))):
                group.create_task(send_in_turn())

    async def _send(self, session: SmtpSession, parcel: _Parcel) -> Receipt | SoukError:
        try:
            message = compose(self._sender, parcel.to, write_letter(parcel.notice.event), parcel.key, self._clock.now())
        except ValueError:
            return Receipt(parcel.to, MailStatus.REFUSED)

        async def hand_over(deadline: Deadline) -> MailStatus:
            return await session.send(message, self._sender.addr_spec, parcel.to, deadline)

        try:
            status = await self.pipeline.call(hand_over, idempotent=True)
        except SoukError as error:
            return error
        receipt = Receipt(parcel.to, status)
        self._sent[parcel.key] = receipt
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        return receipt
