"""The worker: takes a service's events from its queues, and relays its outbox to the others' queues."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from souk_chassis import wire
from souk_chassis.context import Context, Dispatcher, internal_call
from souk_chassis.engine.giving_up import give_up
from souk_chassis.engine.pacing import PACE_EVENTS, PACE_MESSAGES, next_round, pace
from souk_chassis.engine.relay import RELAY_BATCH, RELAY_FAULT_PAUSE_S, Relay
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.events.event import Delivery, Event, traceparent_of, unpack
from souk_chassis.manifest import Consumer
from souk_chassis.observability.spans import recorder
from souk_chassis.runtimes.instance import Instance, Round
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.messages import count_events
from souk_chassis.storage.ports import Bus, DeadLetters, Waiting

T = TypeVar("T")

POLL_S = 1.0
"""How long a loop sleeps without a wake-up: what makes up for a lost one."""
RETRY_BASE_S = 0.5
RETRY_CAP_S = 60.0
"""An event whose handler failed waits 0.5 s, 1 s, 2 s ... and at most this long before the next attempt."""
RECEIVED_KEPT = timedelta(days=7)
"""How long the ids of received events are remembered. No relay repeats itself after so long."""
HOUSEKEEPING_S = 3600.0
"""How often a worker forgets what is over."""
CALLS_TIMEOUT_S = 30.0
"""How long the calls of a handler or of a background round may take together."""
STOP_GRACE_S = 10.0
"""How long batches that were taken may take to end when a worker stops."""
LEASE_S = 6.0
"""How long leased events stay hidden. A worker prolongs its lease while it asks."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A leased event, and what was answered for it, or the exception."""

    waiting: Waiting
    delivery: Delivery[Any]
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """One consumer of one event in one service."""

    queue: str
    event: type[Event]
    consumer: Consumer


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
        self.hearings = [Hearing(manifest.queue(event), event, con) for event, con in manifest.consumes.items()]

    def start(self) -> None:
        """Begin. Each loop is a task of its own."""
        name = self._instance.manifest.name
        loops = [(f"{name}-relay", self._relay_loop())]
        for hearing in self.hearings:
            loop = self._consume_loop if hearing.consumer.ask is None else self._lease_loop
            loops.append((hearing.queue, loop(hearing)))
        endless = [(f"{name}-housekeeping", self._housekeeping())]
        for index, each in enumerate(self._instance.rounds):
            endless.append((f"{name}-round-{index}", self._again_and_again(each)))
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

    async def consume_once(self, hearing: Hearing) -> int:
        """Handle one batch of one queue. Returns how many events were taken."""
        if hearing.consumer.ask is None:
            return await self._consume_in_one_unit(hearing)
        return await self._consume_leased(hearing)

    async def _relay_loop(self) -> None:
        database = self._instance.database
        while not self._stopping.is_set():
            began_s = time.monotonic()
            moved = await self._guarded(self.relay_once(), "relay failed", RELAY_FAULT_PAUSE_S)
            if moved is not None and moved < RELAY_BATCH:
                pace_s = pace(moved, PACE_MESSAGES)
                await self._rest(next_round(began_s, pace_s, database.wait_published(POLL_S)))

    async def _consume_loop(self, hearing: Hearing) -> None:
        while not self._stopping.is_set():
            began_s = time.monotonic()
            work = self._consume_in_one_unit(hearing)
            taken = await self._guarded(work, "consumer failed", queue=hearing.queue)
            if taken is not None and not hearing.consumer.is_full(taken):
                await self._rest(self._until_received(hearing, began_s, taken))

    async def _lease_loop(self, hearing: Hearing) -> None:
        """Leases one batch after another, and handles up to `loops` of them at once."""
        free = asyncio.Semaphore(hearing.consumer.loops)

        async def handle(waiting: Sequence[Waiting]) -> None:
            try:
                await self._guarded(self._handle_leased(hearing, waiting), "consumer failed", queue=hearing.queue)
            finally:
                free.release()

        while not self._stopping.is_set():
            await self._rest(free.acquire())
            began_s = time.monotonic()
            waiting = await self._guarded(self._lease(hearing), "consumer failed", queue=hearing.queue)
            if waiting:
                task = asyncio.create_task(handle(waiting), name=hearing.queue)
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                free.release()
            if waiting is not None and not hearing.consumer.is_full(taken := count_events(waiting)):
                await self._rest(self._until_received(hearing, began_s, taken))

    async def _until_received(self, hearing: Hearing, began_s: float, found: int) -> None:
        pace_s = max(hearing.consumer.pace_s, pace(found, PACE_EVENTS))
        await next_round(began_s, pace_s, self._instance.database.wait_received(hearing.queue, POLL_S))

    async def _rest(self, wake_up: Awaitable[object]) -> None:
        """Wait for something to do. Who rests holds nothing, and may be stopped at once."""
        task = asyncio.current_task()
        self._resting.add(task)
        try:
            await wake_up
        finally:
            self._resting.discard(task)

    async def _guarded(
        self, work: Awaitable[T], message: str, fault_pause_s: float = RETRY_BASE_S, **facts: str
    ) -> T | None:
        """Run one round of a loop. A failure is logged, and the loop goes on after a pause, which may be longer after a
        fault than after what passes by itself."""
        pause_s = RETRY_BASE_S
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

    async def _consume_in_one_unit(self, hearing: Hearing) -> int:
        """Taking, effect, next events and acknowledgement in one transaction."""
        waiting: list[Waiting] = []
        try:
            async with self._instance.database.unit() as unit:
                waiting = await unit.take(hearing.queue, hearing.consumer.batch)
                if waiting:
                    await self._apply(hearing, unit, self._read(hearing, waiting))
        except SoukError as error:
            if error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT_UNKNOWN} or not waiting:
                raise  # the store's trouble and no event's: nothing was kept, and the whole batch comes again
            await self._isolate(hearing, waiting, error)
        except Exception as error:
            if not waiting:
                raise
            await self._isolate(hearing, waiting, error)
        return count_events(waiting)

    async def _isolate(self, hearing: Hearing, waiting: Sequence[Waiting], error: Exception) -> None:
        """A batch failed: handle its events one by one, so that only the poisoned ones wait or die."""
        if count_events(waiting) == 1:
            await self._failed(hearing, waiting[0], error)
            return
        for one in await self._instance.database.split(hearing.queue, waiting, leased=False):
            try:
                async with self._instance.database.unit() as unit:
                    if await unit.acknowledge(hearing.queue, {one.event_id: one.attempts}):
                        await self._apply(hearing, unit, self._read(hearing, [one]))
            except Exception as own_error:  # noqa: BLE001 - as above
                await self._failed(hearing, one, own_error)

    async def _consume_leased(self, hearing: Hearing) -> int:
        """For handlers that call out: lease, ask outside any unit of work, then record and acknowledge in one."""
        waiting = await self._lease(hearing)
        if waiting:
            await self._handle_leased(hearing, waiting)
        return count_events(waiting)

    async def _lease(self, hearing: Hearing) -> list[Waiting]:
        return await self._instance.database.lease(hearing.queue, hearing.consumer.batch, LEASE_S)

    async def _handle_leased(self, hearing: Hearing, waiting: Sequence[Waiting]) -> None:
        readable = await self._readable(hearing, waiting)
        answered = await self._ask_leased(hearing, readable)
        await self._record(hearing, answered)

    async def _readable(self, hearing: Hearing, waiting: Sequence[Waiting]) -> list[_Asked]:
        """What can be read; the rest goes to the dead letters."""
        readable: list[_Asked] = []
        for message in waiting:
            try:
                readable += [_Asked(message, delivery) for delivery in self._read(hearing, [message])]
            except wire.UNREADABLE as error:
                parts = await self._instance.database.split(hearing.queue, [message], leased=True)
                if parts == [message]:  # of one event, or none that can be told from another
                    await self._failed(hearing, message, error, leased=True)
                else:
                    readable += await self._readable(hearing, parts)
        return readable

    async def _ask_leased(self, hearing: Hearing, asked: Sequence[_Asked]) -> list[_Asked]:
        """Ask for all of them at once, holding the lease meanwhile. What was refused waits for its next attempt."""
        if not asked:
            return []
        holding = asyncio.create_task(self._hold(hearing, [one.waiting for one in asked]))
        try:
            answered = await self._answers(hearing, asked)
            if any(isinstance(one.answer, Exception) for one in answered):
                answered = await self._apart(hearing, answered)
        finally:
            holding.cancel()
        good = []
        for one in answered:
            if isinstance(one.answer, Exception):
                await self._failed(hearing, one.waiting, one.answer, leased=True)
            else:
                good.append(one)
        return good

    async def _answers(self, hearing: Hearing, asked: Sequence[_Asked]) -> list[_Asked]:
        """Each with its answer, or the exception. Where asking for all raises, each is asked for alone."""
        try:
            answers = await self._ask(hearing, [one.delivery for one in asked])
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its event goes to a retry
            if len(asked) == 1:
                return [replace(asked[0], answer=error)]
            return [answered for one in asked for answered in await self._answers(hearing, [one])]
        return [replace(one, answer=answer) for one, answer in zip(asked, answers, strict=True)]

    async def _apart(self, hearing: Hearing, asked: Sequence[_Asked]) -> list[_Asked]:
        """Each event in a message of its own, without those whose lease is lost."""
        messages = {one.waiting.event_id: one.waiting for one in asked}
        parts = await self._instance.database.split(hearing.queue, list(messages.values()), leased=True)
        own = {part.event_id: part for part in parts}
        return [replace(one, waiting=own[one.delivery.event_id]) for one in asked if one.delivery.event_id in own]

    async def _ask(self, hearing: Hearing, deliveries: Sequence[Delivery[Any]]) -> Sequence[Any]:
        consumer = hearing.consumer
        assert consumer.ask is not None  # noqa: S101 - only leased consumers come here
        with recorder.handling(hearing.queue, self._instance.log.service, deliveries) as handled:
            async with asyncio.timeout(consumer.ask_s):
                answers: Sequence[Any] = await consumer.ask(self._context(handled[0].traceparent), handled)
        if len(answers) != len(deliveries):
            raise TypeError(f"{len(answers)} answers to {len(deliveries)} events")
        return answers

    async def _hold(self, hearing: Hearing, waiting: Sequence[Waiting]) -> None:
        """Prolong the lease for as long as it is asked. A worker that dies lets go within `LEASE_S`."""
        leased = {one.event_id: one.attempts + 1 for one in waiting}
        while True:
            await asyncio.sleep(LEASE_S / 3)
            with suppress(SoukError):
                await self._instance.database.prolong(hearing.queue, leased, LEASE_S)

    async def _record(self, hearing: Hearing, answered: Sequence[_Asked]) -> None:
        """Record answers and acknowledge in one unit of work; one by one where that fails, with the same answers."""
        if not answered:
            return
        try:
            async with self._instance.database.unit() as unit:
                leased = {one.waiting.event_id: one.waiting.attempts + 1 for one in answered}
                held = await unit.acknowledge(hearing.queue, leased)
                ours = [one for one in answered if one.waiting.event_id in held]  # another worker has the rest by now
                if ours:
                    deliveries = [one.delivery for one in ours]
                    await self._apply(hearing, unit, deliveries, [one.answer for one in ours])
        except Exception as error:
            if isinstance(error, SoukError) and error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT_UNKNOWN}:
                raise  # the store's trouble and no event's: the lease runs out, and the whole batch comes again
            if len(answered) == 1:
                await self._failed(hearing, answered[0].waiting, error, leased=True)
                return
            for one in await self._apart(hearing, answered):
                await self._record(hearing, [one])

    async def _apply(self, hearing: Hearing, unit: Any, deliveries: Sequence[Delivery[Any]], *answer: Any) -> None:
        with recorder.handling(hearing.queue, self._instance.log.service, deliveries) as handled:
            context = self._context(handled[0].traceparent)
            for _ in range(self._deliveries):
                await hearing.consumer.apply(context, unit, handled, *answer)

    def _read(self, hearing: Hearing, waiting: Sequence[Waiting]) -> list[Delivery[Any]]:
        return [each for one in waiting for each in unpack(one.json, hearing.event, one.attempts + 1)]

    async def _failed(self, hearing: Hearing, one: Waiting, error: Exception, *, leased: bool = False) -> None:
        """Try an event again later, or give it up: at once where it can't be read, else after its attempts."""
        attempt = one.attempts + 1
        lease = attempt if leased else None
        hopeless = isinstance(error, wire.UNREADABLE) or attempt >= hearing.consumer.attempts
        transient = isinstance(error, SoukError) and error.rule.retryable
        facts: dict[str, Any] = {"queue": hearing.queue, "eventId": one.event_id, "attempt": attempt}
        facts["traceparent"] = traceparent_of(one.json)
        if hopeless:
            self._instance.log.error("event given up", error=error, **facts)
            reason = f"{type(error).__name__}: {error}"
            await give_up(self._instance, self._letters, hearing.queue, one.event_id, reason, lease)
            return
        self._instance.log.warning("event failed", detail=str(error), transient=transient, **facts)
        delay_s = min(RETRY_CAP_S, RETRY_BASE_S * 2 ** (attempt - 1))
        await self._instance.database.postpone(hearing.queue, one.event_id, delay_s, lease=lease)

    async def _housekeeping(self) -> None:
        while True:
            await self._guarded(
                self._instance.database.forget_received(self._instance.clock.now() - RECEIVED_KEPT),
                "housekeeping failed",
            )
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _again_and_again(self, each: Round) -> None:
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
