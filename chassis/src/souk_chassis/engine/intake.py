"""The intake: takes a service's messages out of SQS into the queues of its own database, where the worker handles them.

A message is deleted from SQS only after the database holds it. One that comes again is known there by its id, so that a
process may die at any moment between the two. What can never be taken in goes to the dead letters beside its queue, on
SQS as on Lambda, and so does what the worker gives up: there is their alarm, and room for a body of any kind.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from souk_chassis import wire
from souk_chassis.aws.batches import BATCH_ENTRIES
from souk_chassis.aws.sqs import Received
from souk_chassis.engine.batch import Subscription, all_or_each, check_type
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import Stored, events_of, traceparent_of, type_and_subject
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import pause_s
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import MAX_REASON, DeadLetters

T = TypeVar("T")

WAIT_S = 20
"""How long SQS is asked to wait for the first message, in seconds: its own longest. A message that comes ends it."""
HIDDEN_S = 30
"""How long messages in hand are hidden from other processes. One that dies with them lets them go after that."""
KEPT_WITHIN_S = 25.0
"""How long messages in hand may take to be kept and deleted: while they are hidden. A slower database would have others
take them, too."""
PAUSE_BASE_S = 0.5
PAUSE_CAP_S = 30.0
"""The longest pause after a failure, the first and any: it doubles with each, and a part of it is taken at random."""
MOST_WAITING = 50_000
"""Events that may wait in a queue of the database. Beyond it messages stay in SQS, which has more room."""
LOOK_S = 1.0
"""How often a queue that is busy is asked how much waits in it, and how long one that is full is left alone."""
STOP_GRACE_S = 10.0
"""How long messages that were taken may take to be kept when the intake stops."""

_POLICY = Policy(backoff_base_s=PAUSE_BASE_S, backoff_cap_s=PAUSE_CAP_S)


class Messages(Protocol):
    """SQS as the intake needs it: `souk_chassis.aws.sqs.Queues`."""

    async def receive(
        self, queue: str, limit: int = 10, *, hidden_s: int | None = None, wait_s: int = 0
    ) -> Sequence[Received]:
        """Take messages in hand."""

    async def delete(self, queue: str, receipts: Sequence[str]) -> Sequence[object]:
        """Remove messages in hand. Returns those that were not removed."""


class Intake:
    """Takes in the messages of all queues of a service until it is stopped: a loop for each, 10 messages at a time."""

    def __init__(
        self, instance: Instance, messages: Messages, letters: DeadLetters, dice: random.Random | None = None
    ) -> None:
        manifest = instance.manifest
        self._database = instance.database
        self._log = instance.log
        self._messages = messages
        self._letters = letters
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret
        heard = [Subscription(manifest.queue(event), event, consumer) for event, consumer in manifest.consumes.items()]
        self._heard = {each.queue: each for each in heard}
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._resting: set[asyncio.Task[Any] | None] = set()

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._loop(queue), name=f"{queue}-intake") for queue in self._heard]

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Finish what was taken, then end. What is cut off after `grace_s` comes again."""
        self._stopping.set()
        for task in self._tasks:
            if task in self._resting:
                task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take_once(self, queue: str) -> int:
        """Wait for messages of one queue and take them in. Returns how many came. Raises SoukError where SQS or the
        database is away: then nothing is lost, and what was in hand comes again."""
        took = self._messages.receive(queue, BATCH_ENTRIES, hidden_s=HIDDEN_S, wait_s=WAIT_S)
        received = await self._rest(took)
        if not received:
            return 0
        try:
            async with asyncio.timeout(KEPT_WITHIN_S):
                await self._take_in(queue, received)
        except TimeoutError as error:
            raise unavailable("database_busy", "Messages in hand could not be kept in time.") from error
        return len(received)

    async def _take_in(self, queue: str, received: Sequence[Received]) -> None:
        readable: list[tuple[Received, Stored]] = []
        unreadable: list[tuple[Received, Exception]] = []
        for message in received:
            try:
                readable.append((message, _read(message, self._heard[queue])))
            except wire.UNREADABLE as error:
                unreadable.append((message, error))
        await self._keep(queue, readable)
        for message, reason in unreadable:  # last: what is given up and then comes again would be given up twice
            await self._bury(queue, message, reason)
        left = await self._messages.delete(queue, [message.receipt for message in received])
        if left:
            self._log.warning("messages not deleted: they come again", queue=queue, messages=len(left))

    async def _keep(self, queue: str, messages: Sequence[tuple[Received, Stored]]) -> None:
        """Put messages into the database's queue; where it refuses one for good, the others all the same."""

        async def receive(some: Sequence[tuple[Received, Stored]]) -> None:
            await self._database.receive([(queue, stored) for _, stored in some])

        async def bury(one: tuple[Received, Stored], error: Exception) -> None:
            await self._bury(queue, one[0], error)

        if messages:  # a SoukError is the database's trouble, and no message's
            await all_or_each(messages, receive, bury, raises=lambda error: isinstance(error, SoukError))

    async def _bury(self, queue: str, message: Received, error: Exception) -> None:
        trace = traceparent_of(message.body)
        self._log.error("message given up", trace, error=error, queue=queue, messageId=message.message_id)
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        await self._letters.bury(queue, message.body, reason, message.receives)

    async def _loop(self, queue: str) -> None:
        failures, looked_s = 0, time.monotonic()
        while not self._stopping.is_set():
            try:
                if failures:
                    # A message that is taken in vain counts towards SQS's last resort: first see who is there.
                    await self._database.ping()
                took = await self.take_once(queue)
                failures = 0
                if took == BATCH_ENTRIES and time.monotonic() - looked_s > LOOK_S:
                    looked_s = time.monotonic()
                    await self._until_room(queue)
            except SoukError as error:
                failures += 1
                self._log.warning("intake failed", code=error.code, detail=error.detail, queue=queue)
            except Exception as error:  # noqa: BLE001 - the loop must outlive whatever happened in one round
                failures += 1
                self._log.error("intake failed", error=error, queue=queue)
            if failures:
                await self._pause(PAUSE_BASE_S + (pause_s(_POLICY, failures, self._dice) or 0.0))

    async def _until_room(self, queue: str) -> None:
        """Return when the database's queue has room: the worker is behind, and SQS keeps the rest for it."""
        while not self._stopping.is_set():
            [state] = await self._database.queue_states([queue])
            if state.waiting < MOST_WAITING:
                return
            await self._pause(LOOK_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _rest(self, waiting: Awaitable[T]) -> T:
        """Wait for messages. A waiting task owns none that it knows of, so it can be cancelled."""
        task = asyncio.current_task()
        self._resting.add(task)
        try:
            return await waiting
        finally:
            self._resting.discard(task)


def _read(message: Received, subscription: Subscription) -> Stored:
    """A message as the database's queues hold it. Raises what `wire.UNREADABLE` lists."""
    events = events_of(message.body)
    event_id, first = events[0]
    given, _ = type_and_subject(first)
    check_type(given, subscription)
    try:
        UUID(event_id)
    except ValueError:
        raise msgspec.ValidationError(f"{event_id!r} is no id of an event") from None
    return Stored(event_id, subscription.event.type_name(), message.body, len(events))
