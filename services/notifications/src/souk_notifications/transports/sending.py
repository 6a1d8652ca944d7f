"""What all ways out of the shop have in common: which mails are sent at all, how many at once, and for how long.

Sending and recording can't be one transaction: a process that dies between them sends the mail again. What was
recorded, or sent by this process before, is not sent again.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Protocol

from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.resilience import Deadline, Pipeline
from souk_chassis.storage.records import RecordStore
from souk_notifications.domain import Receipt, mail_key, write_letter
from souk_notifications.ports import Notice
from souk_notifications.records import Mail, MailStatus
from souk_notifications.transports.message import compose

LANES = 8
"""Mails that are handed over at once."""
BEGIN_WITHIN_S = 6.0
"""No mail of a batch is begun later than this: with the time for one mail and for the question to the users service it
stays below the 24 s that a consumer has for a batch. The rest of the batch comes again."""
REMEMBERED = 10_000
"""Mails sent by this process that are remembered, in case the answer was lost before it was recorded."""

FindReceipts = Callable[[Collection[str]], Awaitable[Mapping[str, Receipt]]]


async def find_receipts(store: RecordStore, keys: Collection[str]) -> Mapping[str, Receipt]:
    """How those mails that are recorded went out, by key."""
    return {key: Receipt(mail.to, mail.status) for key, mail in (await store.get(Mail, keys)).items()}


class Lane(Protocol):
    """A way to the mail server for one mail after another."""

    async def send(self, message: EmailMessage, sender: str, to: str, deadline: Deadline) -> MailStatus:
        """Hand the message over: SENT, or REFUSED for good.

        Raises SoukError, ConnectionError or TimeoutError where it shall come again.
        """

    async def close(self) -> None:
        """Release it: the batch is over."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    key: str
    notice: Notice
    to: str


class SendingTransport:
    """See `souk_notifications.ports.MailTransport`. `find_receipts` says which mails are recorded already."""

    def __init__(
        self,
        pipeline: Pipeline,
        open_lane: Callable[[], Lane],
        sender: Address,
        find_receipts: FindReceipts,
        clock: Clock,
    ) -> None:
        self.pipeline = pipeline
        self._open_lane = open_lane
        self._sender = sender
        self._find_receipts = find_receipts
        self._clock = clock
        self._lanes = asyncio.Semaphore(LANES)
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
        """See the port: lanes last no longer than a batch."""

    async def _send_all(self, parcels: deque[_Parcel], answers: dict[str, Receipt | SoukError]) -> None:
        begin_until = Deadline.after(BEGIN_WITHIN_S, self._clock)

        async def send_in_turn() -> None:
            async with self._lanes:
                lane = self._open_lane()
                try:
                    while parcels and not begin_until.expired:
                        parcel = parcels.popleft()
                        answers[parcel.key] = await self._send(lane, parcel)
                finally:
                    await lane.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(LANES, len(parcels))):
                group.create_task(send_in_turn())

    async def _send(self, lane: Lane, parcel: _Parcel) -> Receipt | SoukError:
        try:
            message = compose(self._sender, parcel.to, write_letter(parcel.notice.event), parcel.key, self._clock.now())
        except ValueError:
            return Receipt(parcel.to, MailStatus.REFUSED)

        async def hand_over(deadline: Deadline) -> MailStatus:
            return await lane.send(message, self._sender.addr_spec, parcel.to, deadline)

        try:
            status = await self.pipeline.call(hand_over, idempotent=True)
        except SoukError as error:
            return error
        receipt = Receipt(parcel.to, status)
        self._sent[parcel.key] = receipt
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        return receipt
