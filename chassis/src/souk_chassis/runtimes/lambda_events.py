"""Events on Lambda: batches of SQS with partial failures, the outbox by its table's stream, and rounds by a schedule.

A message is gone from its queue when its events' effects are kept, each remembered in the inbox by the same unit of
work. What fails is tried again with growing pauses, alone; what can't be read, or has had its attempts, goes to the
dead-letter queue with its reason, and the rest of its batch goes on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from souk_chassis.context import Context, Dispatcher, internal_call
from souk_chassis.engine.batch import BatchHandler, Subscription
from souk_chassis.engine.sqs_source import SqsMessage, SqsSource, pause_s
from souk_chassis.errors import SoukError
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.values import from_item
from souk_chassis.storage.ports import Bus, DeadLetters, UnpublishableError, Waiting

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


class Letters(DeadLetters, Protocol):
    """The dead-letter queues, and the time at which a message comes again: `souk_chassis.aws.queues.SqsQueues`."""

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        """Let messages (by receipt handle) come again after so many seconds."""


class EventsFunction:
    """Handles a service's events, hands on its outbox, and does its rounds."""

    def __init__(self, instance: Instance, way_out: Dispatcher, bus: Bus, letters: Letters) -> None:
        manifest = instance.manifest
        self._instance = instance
        self._way_out = way_out
        self._bus = bus
        self._letters = letters
        heard = [Subscription(manifest.queue(event), event, consumer) for event, consumer in manifest.consumes.items()]
        self._subscriptions = {each.queue: each for each in heard}

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

    async def consume(self, queue: str, records: Sequence[SqsMessage], deadline: Deadline) -> list[str]:
        """Handle a batch of one queue. Returns the ids of the messages that must come again.

        Those that were not tried come again with no attempt counted: where the store is away, or no time is left.
        """
        source = SqsSource(self._subscriptions[queue], self._database, self._letters)
        left_s = max(0.0, deadline.remaining_s - RESERVE_S)
        delays_s = {each.message_id: pause_s(each.receives) for each in records}
        try:
            async with asyncio.timeout(left_s):
                await self._handle(source, records, left_s)
            delays_s = source.delays_s
        except TimeoutError:
            self._instance.log.warning("no time left for a batch", queue=queue, messages=len(records))
        except SoukError as error:  # the store's trouble and no event's
            self._instance.log.warning("consumer failed", queue=queue, code=error.code, detail=error.detail)
        await self._postpone(queue, {each.receipt: delays_s.get(each.message_id) for each in records}, deadline)
        return [each.message_id for each in records if each.message_id in delays_s]

    async def _handle(self, source: SqsSource, records: Sequence[SqsMessage], left_s: float) -> None:
        """Up to `loops` batches at once, as a worker does."""
        consumer, log = source.subscription.consumer, self._instance.log
        handler = BatchHandler(source.subscription, source, log, lambda trace: self._context(trace, left_s))
        free = asyncio.Semaphore(consumer.loops)

        async def handle(messages: Sequence[Waiting]) -> None:
            async with free:
                await handler.handle(messages)

        events = source.take(records)
        batches = [events[start : start + consumer.batch] for start in range(0, len(events), consumer.batch)]
        for outcome in await asyncio.gather(*map(handle, batches), return_exceptions=True):
            if outcome is not None:
                raise outcome
        await source.finish()

    async def _postpone(self, queue: str, delays_s: Mapping[str, float | None], deadline: Deadline) -> None:
        delays = {receipt: delay_s for receipt, delay_s in delays_s.items() if delay_s is not None}
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


def _read(record: Mapping[str, Any]) -> SqsMessage:
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    return SqsMessage(record["messageId"], record["receiptHandle"], record["body"], receives)
