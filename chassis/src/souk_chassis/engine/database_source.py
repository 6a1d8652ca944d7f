"""The queues of a service's own database, as the batch handler takes from them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from souk_chassis.engine.batch import Subscription
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Delivery, unpack
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import DeadLetters, Waiting

RETRY_BASE_S = 0.5
RETRY_CAP_S = 60.0
"""An event whose handler failed waits 0.5 s, 1 s, 2 s ... and at most this long before the next attempt."""
LEASE_S = 6.0
"""How long leased events stay hidden. A worker prolongs its lease while it asks."""
LETTERS_AWAY_PAUSE_S = 60.0
"""How long an event that is given up waits while its dead letters can't be reached. Then it has one more attempt."""


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """See `souk_chassis.engine.batch.EventSource`. The messages of a consumer that asks are leased: a lease counts the
    attempt that it is for."""

    instance: Instance
    subscription: Subscription
    letters: DeadLetters | None = None
    """Where what is given up goes, if not into the service's own database."""
    at_once: None = None

    @property
    def _leased(self) -> bool:
        return self.subscription.consumer.ask is not None

    def unit(self) -> AbstractAsyncContextManager[Any]:
        """See the port."""
        return self.instance.database.unit()

    async def take(self, unit: Any) -> list[Waiting]:
        """Take a batch in a unit: its messages are acknowledged when that commits."""
        taken: list[Waiting] = await unit.take(self.subscription.queue, self.subscription.consumer.batch)
        return taken

    async def lease(self) -> list[Waiting]:
        """Hide a batch from other consumers for `LEASE_S`."""
        subscription = self.subscription
        return await self.instance.database.lease(subscription.queue, subscription.consumer.batch, LEASE_S)

    def read(self, message: Waiting) -> list[Delivery[Any]]:
        """See the port."""
        return unpack(message.json, self.subscription.event, message.attempts + 1)

    async def split(self, messages: Sequence[Waiting]) -> list[Waiting]:
        """See the port."""
        return await self.instance.database.split(self.subscription.queue, messages, leased=self._leased)

    async def acknowledge(self, unit: Any, messages: Sequence[Waiting]) -> set[str]:
        """See the port."""
        held: set[str] = await unit.acknowledge(self.subscription.queue, self._counted(messages))
        return held

    @asynccontextmanager
    async def holding(self, messages: Sequence[Waiting]) -> AsyncIterator[None]:
        """See the port. A worker that dies lets go within `LEASE_S`."""
        counted = self._counted(messages)

        async def prolong() -> None:
            while True:
                await asyncio.sleep(LEASE_S / 3)
                with suppress(SoukError):
                    await self.instance.database.prolong(self.subscription.queue, counted, LEASE_S)

        task = asyncio.create_task(prolong())
        try:
            yield
        finally:
            task.cancel()

    async def tried(self, message: Waiting) -> int:
        """See the port. `postpone` and a lease count it in the queue."""
        return message.attempts + 1

    async def postpone(self, message: Waiting, attempt: int) -> None:
        """See the port."""
        delay_s = min(RETRY_CAP_S, RETRY_BASE_S * 2 ** (attempt - 1))
        lease = attempt if self._leased else None
        await self.instance.database.postpone(self.subscription.queue, message.event_id, delay_s, lease=lease)

    async def bury(self, message: Waiting, reason: str, attempts: int) -> None:
        """See the port: to `letters`, or the database's where there are none, or where they refuse it."""
        database, log = self.instance.database, self.instance.log
        queue, event_id = self.subscription.queue, message.event_id
        lease = attempts if self._leased else None
        if self.letters is not None:
            try:
                await database.bury(queue, event_id, reason, lease=lease, letters=self.letters)
            except SoukError as away:
                log.warning("dead letters are away", code=away.code, detail=away.detail, queue=queue, eventId=event_id)
                await database.postpone(queue, event_id, LETTERS_AWAY_PAUSE_S, lease=lease)
                return
            except Exception as refused:  # noqa: BLE001 - whatever they have against it, it must not come for ever
                log.error("dead letter refused", error=refused, queue=queue, eventId=event_id)
            else:
                return
        await database.bury(queue, event_id, reason, lease=lease)

    def _counted(self, messages: Sequence[Waiting]) -> dict[str, int]:
        return {message.event_id: message.attempts + self._leased for message in messages}
