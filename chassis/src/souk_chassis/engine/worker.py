"""The worker: takes a service's events from its queues, and relays its outbox to the others' queues."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from souk_chassis.context import Context, Dispatcher, internal_call
from souk_chassis.engine.batch import BatchHandler, Subscription
from souk_chassis.engine.database_source import DatabaseSource
from souk_chassis.engine.pacing import PACE_EVENTS, PACE_MESSAGES, next_round, pace
from souk_chassis.engine.relay import RELAY_BATCH, RELAY_FAULT_PAUSE_S, Relay
from souk_chassis.errors import SoukError
from souk_chassis.runtimes.instance import Instance, Round
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.messages import count_events
from souk_chassis.storage.ports import Bus, DeadLetters, Waiting

T = TypeVar("T")

POLL_S = 1.0
"""How long a loop sleeps without a wake-up: what makes up for a lost one."""
RECEIVED_KEPT = timedelta(days=7)
"""How long the ids of received events are remembered. No relay repeats itself after so long."""
HOUSEKEEPING_S = 3600.0
"""How often a worker forgets what is over."""
CALLS_TIMEOUT_S = 30.0
"""How long the calls of a handler or of a background round may take together."""
STOP_GRACE_S = 10.0
"""How long batches that were taken may take to end when a worker stops."""
FAULT_PAUSE_S = 0.5
"""How long a loop pauses after a round that failed."""


class Worker:
    """Runs a service's consumers, its relay and its background loops until it is stopped."""

    def __init__(
        self,
        instance: Instance,
        bus: Bus,
        way_out: Dispatcher,
        *,
        deliveries: int = 1,
        letters: DeadLetters | None = None,
    ) -> None:
        self._instance = instance
        self._relay = Relay(instance, bus)
        self._way_out = way_out
        self._deliveries = deliveries
        """How often each event is handed to its handler: 2 in the topology that tries idempotence."""
        self._letters = letters
        """Where what is given up goes, if not into the service's own database."""
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._endless: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        """Leased batches that are being handled."""
        self._resting: set[asyncio.Task[Any] | None] = set()
        manifest = instance.manifest
        self.subscriptions = [Subscription(manifest.queue(each), each, to) for each, to in manifest.consumes.items()]

    def start(self) -> None:
        """Begin. Each loop is a task of its own."""
        name = self._instance.manifest.name
        loops = [(f"{name}-relay", self._relay_loop())]
        for subscription in self.subscriptions:
            loop = self._consume_loop if subscription.consumer.ask is None else self._lease_loop
            loops.append((subscription.queue, loop(subscription)))
        endless = [(f"{name}-housekeeping", self._housekeeping())]
        for index, each in enumerate(self._instance.rounds):
            endless.append((f"{name}-round-{index}", self._run_every(each)))
        self._endless = [asyncio.create_task(loop, name=task_name) for task_name, loop in endless]
        self._tasks = [asyncio.create_task(loop, name=task_name) for task_name, loop in loops] + self._endless

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Finish the batches that were taken, then end. What is cut off after `grace_s` is rolled back."""
        self._stopping.set()
        ends_s = time.monotonic() + grace_s
        for task in (*self._endless, *(task for task in self._tasks if task in self._resting)):
            task.cancel()
        await _finish(self._tasks, ends_s)
        await _finish(self._under_way, ends_s)  # after the loops, which may just have begun another

    async def relay_once(self) -> int:
        """Relay one batch: see `Relay.once`."""
        return await self._relay.once()

    async def consume_once(self, subscription: Subscription) -> int:
        """Handle one batch of one queue. Returns how many events were taken."""
        source = self._source(subscription)
        if subscription.consumer.ask is None:
            return await self._handler(source).take_and_handle(source.take)
        messages = await source.lease()
        await self._handler(source).handle(messages)
        return count_events(messages)

    def _source(self, subscription: Subscription) -> DatabaseSource:
        return DatabaseSource(self._instance, subscription, self._letters)

    def _handler(self, source: DatabaseSource) -> BatchHandler:
        return BatchHandler(source.subscription, source, self._instance.log, self._context, self._deliveries)

    async def _relay_loop(self) -> None:
        database = self._instance.database
        while not self._stopping.is_set():
            began_s = time.monotonic()
            moved = await self._guarded(self.relay_once(), "relay failed", RELAY_FAULT_PAUSE_S)
            if moved is not None and moved < RELAY_BATCH:
                pace_s = pace(moved, PACE_MESSAGES)
                await self._rest(next_round(began_s, pace_s, database.wait_published(POLL_S)))

    async def _consume_loop(self, subscription: Subscription) -> None:
        source = self._source(subscription)
        handler = self._handler(source)
        while not self._stopping.is_set():
            began_s = time.monotonic()
            work = handler.take_and_handle(source.take)
            taken = await self._guarded(work, "consumer failed", queue=subscription.queue)
            if taken is not None and not subscription.consumer.is_full(taken):
                await self._rest(self._until_received(subscription, began_s, taken))

    async def _lease_loop(self, subscription: Subscription) -> None:
        """Leases one batch after another, and handles up to `loops` of them at once."""
        source, queue, consumer = self._source(subscription), subscription.queue, subscription.consumer
        handler, free = self._handler(source), asyncio.Semaphore(consumer.loops)

        async def handle(messages: Sequence[Waiting]) -> None:
            try:
                await self._guarded(handler.handle(messages), "consumer failed", queue=queue)
            finally:
                free.release()

        while not self._stopping.is_set():
            await self._rest(free.acquire())
            began_s = time.monotonic()
            messages = await self._guarded(source.lease(), "consumer failed", queue=queue)
            if messages:
                task = asyncio.create_task(handle(messages), name=queue)
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                free.release()
            if messages is not None and not consumer.is_full(taken := count_events(messages)):
                await self._rest(self._until_received(subscription, began_s, taken))

    async def _until_received(self, subscription: Subscription, began_s: float, found: int) -> None:
        pace_s = max(subscription.consumer.pace_s, pace(found, PACE_EVENTS))
        await next_round(began_s, pace_s, self._instance.database.wait_received(subscription.queue, POLL_S))

    async def _rest(self, wake_up: Awaitable[object]) -> None:
        """Wait for something to do. A waiting task owns nothing, so it can be cancelled."""
        task = asyncio.current_task()
        self._resting.add(task)
        try:
            await wake_up
        finally:
            self._resting.discard(task)

    async def _guarded(
        self, work: Awaitable[T], message: str, fault_pause_s: float = FAULT_PAUSE_S, **facts: str
    ) -> T | None:
        """Run one round of a loop. A failure is logged, and the loop goes on after a pause, which may be longer after a
        fault than after what passes by itself."""
        pause_s = FAULT_PAUSE_S
        try:
            return await work
        except CollisionError:
            return None
        except SoukError as error:
            self._instance.log.warning(message, code=error.code, detail=error.detail, **facts)
        except Exception as error:  # noqa: BLE001 - the loop must outlive whatever happened in one round
            self._instance.log.error(message, error=error, **facts)
            pause_s = fault_pause_s
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)
        return None

    async def _housekeeping(self) -> None:
        while True:
            await self._guarded(
                self._instance.database.forget_received(self._instance.clock.now() - RECEIVED_KEPT),
                "housekeeping failed",
            )
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _run_every(self, each: Round) -> None:
        """Each round has a context of its own: a deadline is for one round. One that fails is followed by the next."""
        while True:
            try:
                await each.run(self._context(""))
            except SoukError as error:
                self._instance.log.warning("round failed", code=error.code, detail=error.detail)
            except Exception as error:  # noqa: BLE001 - the rounds outlive a failure
                self._instance.log.error("round failed", error=error)
            await asyncio.sleep(each.every_s)

    def _context(self, traceparent: str) -> Context[Any]:
        instance = self._instance
        call = internal_call(instance.clock, CALLS_TIMEOUT_S, instance.manifest.name, traceparent)
        return instance.context(self._way_out, call)


async def _finish(tasks: Iterable[asyncio.Task[None]], ends_s: float) -> None:
    """Wait for tasks until `ends_s`, then cancel what is left."""
    waited = list(tasks)
    if waited:
        _, late = await asyncio.wait(waited, timeout=max(0.0, ends_s - time.monotonic()))
        for task in late:
            task.cancel()
        await asyncio.gather(*waited, return_exceptions=True)
