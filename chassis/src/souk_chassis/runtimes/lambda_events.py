"""Events on Lambda: batches of SQS with partial failures, the outbox by its table's stream, and rounds by a schedule.

A message is gone from its queue when its events' effects are kept, each remembered in the inbox by the same unit of
work. What fails is tried again with growing pauses, alone; what can't be read, or has had its attempts, goes to the
dead-letter queue with its reason, and the rest of its batch goes on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import msgspec

from souk_chassis import wire
from souk_chassis.context import Context, Dispatcher, internal_call
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.events.event import Delivery, Event, events_of, traceparent_of, type_and_subject, unpack
from souk_chassis.manifest import Consumer
from souk_chassis.observability.spans import recorder
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.values import from_item
from souk_chassis.storage.ports import MAX_REASON, Bus, UnpublishableError

RETRY_BASE_S = 2.0
RETRY_CAP_S = 900.0
"""A message that failed comes again after 2 s, 4 s, 8 s ... and at most 15 minutes."""
SCHEDULE_S = 60.0
"""How often the schedule calls, in seconds. A round that is due less often is left out in between."""
SWEPT_AFTER = timedelta(seconds=60)
"""How old an event in the outbox is when the schedule hands it on: the stream is faster, unless it has lost it."""
SWEPT_ITEMS = 200
"""Items of the outbox that one sweep hands on."""
RESERVE_S = 2.0
"""What is left of a function's time when it stops working and says what it has not done, in seconds."""
CALLS_S = 20.0
"""How long a handler's or a round's calls to other services may take, in seconds."""


class DeadLetters(Protocol):
    """The dead-letter queues, and the time at which a message comes again: `souk_chassis.aws.queues`."""

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """Put an event, or a message that nobody can read, into the queue's dead-letter queue."""

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        """Let messages (by receipt handle) come again after so many seconds."""


@dataclass(frozen=True, slots=True)
class _Record:
    """A message of a batch. `attempt` counts from 1."""

    message_id: str
    receipt: str
    body: str
    attempt: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """An event of a message, and what was answered for it."""

    record: _Record
    json: str
    delivery: Delivery[Any]
    answer: Any = None


class EventsFunction:
    """Handles a service's events, hands on its outbox, and does its rounds."""

    def __init__(self, instance: Instance, way_out: Dispatcher, bus: Bus, letters: DeadLetters) -> None:
        manifest = instance.manifest
        self._instance = instance
        self._way_out = way_out
        self._bus = bus
        self._letters = letters
        self._heard = {manifest.queue(event): (event, consumer) for event, consumer in manifest.consumes.items()}

    async def __call__(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Do what the event asks. Answers which items of a batch must come again."""
        records = event.get("Records")
        if records is None:
            await self.rounds(deadline)
            return {}
        if not records or records[0]["eventSource"] == "aws:dynamodb":
            await self.relay(records)
            return {"batchItemFailures": []}
        queue = records[0]["eventSourceARN"].rpartition(":")[2]
        failed = await self.consume(queue, [_read(record) for record in records], deadline)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    async def relay(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Hand on what the stream shows of the outbox. Where it fails, the whole batch comes again.

        An event that can never be published blocks no stream: it is left to the sweep, which says so each time.
        """
        inserted = [each["dynamodb"]["NewImage"] for each in records if each["eventName"] == "INSERT"]
        try:
            await self._database.relay(self._bus, [from_item(image) for image in inserted])
        except UnpublishableError as error:
            self._instance.log.error("events can't be published", error=error, events=len(error.messages))

    async def rounds(self, deadline: Deadline) -> None:
        """Do the service's rounds that are due, and sweep the outbox. One that fails keeps no other from being done,
        nor does one that hangs: each may take its share of the time that is left."""
        log, now = self._instance.log, self._instance.clock.now()
        minute = now.timestamp() // SCHEDULE_S
        due = [each.run for each in self._instance.rounds if minute % max(1.0, each.every_s // SCHEDULE_S) == 0]

        async def sweep(_: Context[Any]) -> None:
            swept = await self._database.sweep(self._bus, now - SWEPT_AFTER, SWEPT_ITEMS)
            if swept:
                log.warning("outbox swept", events=swept)

        runs = [sweep, *due]
        for place, run in enumerate(runs):
            share_s = max(0.0, deadline.remaining_s - RESERVE_S) / (len(runs) - place)
            limit = asyncio.timeout(share_s)
            try:
                async with limit:
                    await run(self._context("", share_s))
            except UnpublishableError as error:
                log.error("events can't be published", error=error, events=len(error.messages))
            except SoukError as error:
                log.warning("round failed", code=error.code, detail=error.detail)
            except Exception as error:  # noqa: BLE001 - the other rounds, and the next, must come all the same
                if limit.expired():
                    log.warning("no time left for a round", round=run.__qualname__)
                else:
                    log.error("round failed", error=error)

    async def consume(self, queue: str, records: Sequence[_Record], deadline: Deadline) -> list[str]:
        """Handle a batch of one queue. Returns the ids of the messages that must come again."""
        event, consumer = self._heard[queue]
        left = {record.message_id for record in records}
        left_s = max(0.0, deadline.remaining_s - RESERVE_S)
        batch = _Batch(self._instance, self._letters, lambda trace: self._context(trace, left_s), queue, consumer, left)
        try:
            async with asyncio.timeout(left_s):
                await batch.handle(event, records)
        except TimeoutError:
            self._instance.log.warning("no time left for a batch", queue=queue, messages=len(left))
        except SoukError as error:  # the store's trouble and no event's
            self._instance.log.warning("consumer failed", queue=queue, code=error.code, detail=error.detail)
        again = [record for record in records if record.message_id in left]
        await self._postpone(queue, again, deadline)
        return [record.message_id for record in again]

    async def _postpone(self, queue: str, records: Sequence[_Record], deadline: Deadline) -> None:
        delays = {each.receipt: _delay_s(each.attempt) for each in records}
        if delays:
            try:
                async with asyncio.timeout(deadline.remaining_s):
                    await self._letters.postpone(queue, delays)
            except (SoukError, TimeoutError) as error:  # they come again all the same, when their time-out ends
                self._instance.log.warning("messages not postponed", queue=queue, detail=str(error))

    @property
    def _database(self) -> DynamoDatabase[Any]:
        database: DynamoDatabase[Any] = self._instance.store  # type: ignore[assignment] # as the runtime has built it
        return database

    def _context(self, traceparent: str, left_s: float = CALLS_S) -> Context[Any]:
        instance = self._instance
        call = internal_call(instance.clock, min(CALLS_S, left_s), instance.manifest.name, traceparent)
        return instance.context(self._way_out, call)


_Unreadable = tuple[_Record, str, Exception]
"""A message, what of it can't be read, and why."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch under way."""

    instance: Instance
    letters: DeadLetters
    context: Callable[[str], Context[Any]]
    queue: str
    consumer: Consumer
    left: set[str]
    """The messages that are not done yet."""

    async def handle(self, event: type[Event], records: Sequence[_Record]) -> None:
        """Ask where there is something to ask, then do the effects and remember the events in one unit of work.

        What can't be read is given up when the rest of its message is done: a message that comes again brings it
        again, and there would be a dead letter of it each time.
        """
        asked, unreadable = self._readable(event, records)
        failed: set[str] = set()
        if self.consumer.ask is not None:
            answered = await self._answers(asked)
            asked = [one for one in answered if not isinstance(one.answer, Exception)]
            for one in answered:
                if isinstance(one.answer, Exception):
                    failed |= await self._failed(one, one.answer)
        failed |= await self._record(asked)
        for record, json, error in unreadable:
            if record.message_id not in failed:
                await self._bury(record, json, error)
        self.left.intersection_update(failed)

    def _readable(self, event: type[Event], records: Sequence[_Record]) -> tuple[list[_Asked], list[_Unreadable]]:
        """The events that can be read, each once; and what can't: whole messages, or single events of them."""
        readable: dict[str, _Asked] = {}
        unreadable: list[_Unreadable] = []
        for record in records:
            try:
                parts = events_of(record.body)
            except wire.UNREADABLE as error:
                unreadable.append((record, record.body, error))
                continue
            for event_id, json in parts:
                try:
                    _check_type(json, event)
                    [delivery] = unpack(json, event, record.attempt)
                except wire.UNREADABLE as error:
                    unreadable.append((record, json, error))
                else:
                    readable.setdefault(event_id, _Asked(record, json, delivery))
        return list(readable.values()), unreadable

    async def _answers(self, asked: Sequence[_Asked]) -> list[_Asked]:
        """Each with its answer, or the exception. Where asking for all raises, each is asked for alone."""
        ask = self.consumer.ask
        if ask is None or not asked:
            return []
        try:
            with recorder.handling(self.queue, self.instance.log.service, [o.delivery for o in asked]) as handled:
                async with asyncio.timeout(self.consumer.ask_s):
                    answers = await ask(self.context(handled[0].traceparent), handled)
            return [replace(one, answer=answer) for one, answer in zip(asked, answers, strict=True)]
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its event goes to a retry
            if len(asked) == 1:
                return [replace(asked[0], answer=error)]
            return [answered for one in asked for answered in await self._answers([one])]

    async def _record(self, asked: Sequence[_Asked]) -> set[str]:
        """Returns the ids of the messages of which something failed. Raises SoukError for the store's own trouble."""
        if not asked:
            return set()
        try:
            await retry_on_conflict(lambda: self._in_one_unit(asked))
        except Exception as error:
            if isinstance(error, SoukError) and error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT_UNKNOWN}:
                raise
            if len(asked) == 1:
                return await self._failed(asked[0], error)
            failed: set[str] = set()
            for one in asked:
                failed |= await self._record([one])
            return failed
        return set()

    async def _in_one_unit(self, asked: Sequence[_Asked]) -> None:
        async with self.instance.store.unit() as unit:
            fresh = await unit.first_time(self.queue, [one.delivery.event_id for one in asked])
            ours = [one for one in asked if one.delivery.event_id in fresh]
            if not ours:
                return
            deliveries = [one.delivery for one in ours]
            answers = [] if self.consumer.ask is None else [[one.answer for one in ours]]
            with recorder.handling(self.queue, self.instance.log.service, deliveries) as handled:
                await self.consumer.apply(self.context(handled[0].traceparent), unit, handled, *answers)

    async def _failed(self, one: _Asked, error: Exception) -> set[str]:
        """Let its message come again, or give the event up after its attempts."""
        record = one.record
        if record.attempt >= self.consumer.attempts:
            await self._bury(record, one.json, error)
            return set()
        transient = isinstance(error, SoukError) and error.rule.retryable
        self.instance.log.warning(
            "event failed", one.delivery.traceparent, detail=str(error), transient=transient, **self._facts(record)
        )
        return {record.message_id}

    async def _bury(self, record: _Record, json: str, error: Exception) -> None:
        facts = {**self._facts(record), "traceparent": traceparent_of(json)}
        self.instance.log.error("event given up", error=error, **facts)
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        await self.letters.bury(self.queue, json, reason, record.attempt)

    def _facts(self, record: _Record) -> dict[str, Any]:
        return {"queue": self.queue, "messageId": record.message_id, "attempt": record.attempt}


def _check_type(json: str, event: type[Event]) -> None:
    """A queue brings one type. Raises msgspec.ValidationError for any other."""
    given, _ = type_and_subject(json)
    if given and given != event.type_name():
        raise msgspec.ValidationError(f"{given} came, and only {event.type_name()} is known here")


def _delay_s(attempt: int) -> float:
    """How long a message waits after its attempt number so many."""
    doublings = min(attempt - 1, int(RETRY_CAP_S).bit_length())
    return min(RETRY_CAP_S, RETRY_BASE_S * 2.0**doublings)


def _read(record: Mapping[str, Any]) -> _Record:
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    return _Record(record["messageId"], record["receiptHandle"], record["body"], attempt)
