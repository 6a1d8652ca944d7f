"""The in-memory twin of the PostgreSQL store: the same ports, for unit tests and the simulation.

Units of work run one at a time and keep an undo log, so a failed one leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from souk_chassis.clock import Clock
from souk_chassis.context import unit_is_open
from souk_chassis.errors import unavailable
from souk_chassis.events.event import Event, Stored, bundle, pack, type_and_subject
from souk_chassis.storage.messages import parts_of
from souk_chassis.storage.ports import (
    MAX_REASON,
    Bus,
    DeadLetter,
    DeadLetters,
    PublishDeferredError,
    QueueState,
    UnpublishableError,
    Waiting,
    outbox_queue,
)
from souk_chassis.storage.signals import wait_and_clear


@dataclass(frozen=True, slots=True)
class _Queued:
    json: str
    attempts: int
    visible_at: datetime
    received_at: datetime
    count: int = 1


class MemoryTables:
    """Named tables of rows by key. Rows are frozen values: they are replaced, never changed."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Any, Any]] = {}

    def __getitem__(self, name: str) -> dict[Any, Any]:
        return self._tables.setdefault(name, {})


class MemoryUnit:
    """One unit of work. A service's unit derives from it and reads and writes rows with `get`, `put` and `delete`."""

    def __init__(self, tables: MemoryTables, service: str, clock: Clock) -> None:
        self.tables = tables
        self.service = service
        self.clock = clock
        self._outgoing: list[Stored] = []
        self._undo: list[tuple[str, Any, Any]] = []

    def get(self, table: str, key: Any) -> Any:
        """The row, or None."""
        return self.tables[table].get(key)

    def put(self, table: str, key: Any, row: Any) -> None:
        """Insert or replace a row."""
        self._undo.append((table, key, self.tables[table].get(key)))
        self.tables[table][key] = row

    def delete(self, table: str, key: Any) -> Any:
        """Remove a row and return it; None where there was none."""
        row = self.tables[table].pop(key, None)
        self._undo.append((table, key, row))
        return row

    def rollback(self) -> None:
        """Undo everything, last change first."""
        for table, key, row in reversed(self._undo):
            if row is None:
                self.tables[table].pop(key, None)
            else:
                self.tables[table][key] = row

    def publish(self, event: Event, traceparent: str) -> None:
        """See `souk_chassis.storage.ports.Unit`."""
        self._outgoing.append(pack(event, source=self.service, time=self.clock.now(), traceparent=traceparent))

    def flush(self) -> bool:
        """Write what was published into the outbox. Returns whether there was anything."""
        for message in bundle(self._outgoing):
            self.put("outbox", message.event_id, message)
        return bool(self._outgoing)

    async def take(self, queue: str, limit: int) -> list[Waiting]:
        """See `souk_chassis.storage.ports.Unit`."""
        due = self.due(queue, limit)
        for waiting in due:
            self.delete("inbox", (queue, waiting.event_id))
        return due

    async def acknowledge(self, queue: str, leased: Mapping[str, int]) -> set[str]:
        """See `souk_chassis.storage.ports.Unit`."""
        held = set()
        for event_id, attempts in leased.items():
            row: _Queued | None = self.get("inbox", (queue, event_id))
            if row is not None and row.attempts == attempts:
                self.delete("inbox", (queue, event_id))
                held.add(event_id)
        return held

    def due(self, queue: str, limit: int) -> list[Waiting]:
        """Messages that may be delivered now, oldest first: `limit` events, or one message."""
        now = self.clock.now()
        inbox = self.tables["inbox"]
        due: list[Waiting] = []
        for key in sorted(key for key, row in inbox.items() if key[0] == queue and row.visible_at <= now):
            row: _Queued = inbox[key]
            limit -= row.count
            if limit < 0 and due:
                break
            due.append(Waiting(key[1], row.json, row.attempts, row.count))
        return due


U = TypeVar("U", bound=MemoryUnit)


class MemoryDatabase(Generic[U]):
    """A service's store in memory. See `souk_chassis.storage.ports.Database`."""

    def __init__(self, service: str, clock: Clock, unit: type[U]) -> None:
        self.tables = MemoryTables()
        self.service = service
        self.clock = clock
        self.reachable = True
        """Set to False by tests: the store then answers as one whose server is away."""
        self._unit = unit
        self._one_at_a_time = asyncio.Lock()
        self._published = asyncio.Event()
        self._received: dict[str, asyncio.Event] = {}

    def unit(self) -> AbstractAsyncContextManager[U]:
        """Open a unit of work: commit at the end of the block, roll back on an exception."""
        return self.rows()

    @asynccontextmanager
    async def rows(self) -> AsyncIterator[U]:
        """A unit of work on rows: what `unit` gives, unless a store of another kind stands on these tables."""
        await self.ping()
        async with self._one_at_a_time:
            unit = self._unit(self.tables, self.service, self.clock)
            mark = unit_is_open.set(True)
            try:
                yield unit
                published = unit.flush()
                await asyncio.sleep(0)  # a commit is a point at which others run, and at which a crash can come
            except BaseException:
                unit.rollback()
                raise
            finally:
                unit_is_open.reset(mark)
        if published:
            self._published.set()

    async def lease(self, queue: str, limit: int, lease_s: float) -> list[Waiting]:
        """See the port."""
        async with self.rows() as unit:
            due = unit.due(queue, limit)
            for waiting in due:
                self._reschedule(unit, queue, waiting.event_id, lease_s)
        return due

    async def split(self, queue: str, messages: Sequence[Waiting], *, leased: bool) -> list[Waiting]:
        """See the port."""
        parts, whole = parts_of(messages)
        async with self.rows() as unit:
            rows: dict[str, _Queued | None] = {}
            for message, part in parts:
                if message.event_id not in rows:
                    row: _Queued | None = unit.get("inbox", (queue, message.event_id))
                    held = row is not None and row.count > 1 and row.attempts == message.attempts + leased
                    rows[message.event_id] = unit.delete("inbox", (queue, message.event_id)) if held else None
                of = rows[message.event_id]
                if of is not None:
                    unit.put("inbox", (queue, part.event_id), replace(of, json=part.json, count=1))
                    whole.append(part)
        return whole

    async def prolong(self, queue: str, leased: Mapping[str, int], lease_s: float) -> None:
        """See the port."""
        async with self.rows() as unit:
            for event_id, attempts in leased.items():
                self._reschedule(unit, queue, event_id, lease_s, attempts)

    async def postpone(self, queue: str, event_id: str, delay_s: float, *, lease: int | None = None) -> None:
        """See the port."""
        async with self.rows() as unit:
            self._reschedule(unit, queue, event_id, delay_s, lease)

    def _reschedule(self, unit: U, queue: str, event_id: str, delay_s: float, lease: int | None = None) -> None:
        row: _Queued | None = unit.get("inbox", (queue, event_id))
        if row is not None and lease in {None, row.attempts}:
            due = self.clock.now() + timedelta(seconds=delay_s)
            attempts = row.attempts + 1 if lease is None else lease
            unit.put("inbox", (queue, event_id), replace(row, attempts=attempts, visible_at=due))

    async def bury(
        self, queue: str, event_id: str, reason: str, *, lease: int | None = None, letters: DeadLetters | None = None
    ) -> None:
        """See the port."""
        key = (queue, event_id)
        async with self.rows() as unit:
            row: _Queued | None = unit.get("inbox", key)
            if row is None or lease not in {None, row.attempts}:
                return
            unit.delete("inbox", key)
            dead = replace(row, attempts=row.attempts + 1 if lease is None else lease)
            if letters is None:
                unit.put("dead_letters", key, (dead, reason[:MAX_REASON], self.clock.now()))
                return
            if unit.get("inbox_received", key) is not None:
                unit.delete("inbox_received", key)
            await letters.bury(queue, dead.json, reason[:MAX_REASON], dead.attempts)

    async def redrive(self, queue: str) -> int:
        """See the port."""
        async with self.rows() as unit:
            keys = [key for key in self.tables["dead_letters"] if key[0] == queue]
            for key in keys:
                row, _, _ = unit.delete("dead_letters", key)
                unit.put("inbox", key, _Queued(row.json, 0, self.clock.now(), self.clock.now()))
        self._event(queue).set()
        return len(keys)

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """See the port."""
        await self.ping()
        now = self.clock.now()
        states = []
        for queue in queues:
            rows = [row for key, row in self.tables["inbox"].items() if key[0] == queue]
            oldest_s = max(((now - row.received_at).total_seconds() for row in rows), default=0.0)
            dead = sum(key[0] == queue for key in self.tables["dead_letters"])
            states.append(QueueState(queue, sum(row.count for row in rows), oldest_s, dead))
        return states

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """See the port."""
        await self.ping()
        letters = [
            DeadLetter(queue, event_id, *type_and_subject(row.json), reason, row.attempts, died_at)
            for (queue, event_id), (row, reason, died_at) in self.tables["dead_letters"].items()
        ]
        return sorted(letters, key=lambda letter: letter.died_at, reverse=True)[:limit]

    async def outbox_size(self) -> int:
        """See the port."""
        await self.ping()
        return sum(message.count for message in self.tables["outbox"].values())

    async def relay(self, bus: Bus, limit: int, without: Collection[str] = ()) -> int:
        """See the port."""
        await self.ping()
        async with self._one_at_a_time:
            outbox: dict[str, Stored] = self.tables["outbox"]
            events = [outbox[event_id] for event_id in sorted(outbox) if outbox[event_id].type not in without][:limit]
        left: UnpublishableError | PublishDeferredError | None = None
        try:
            await bus.publish(events)
        except (UnpublishableError, PublishDeferredError) as error:
            left = error
        held = {event.event_id for event in left.messages} if isinstance(left, PublishDeferredError) else ()
        async with self._one_at_a_time:
            for event in events:
                if event.event_id not in held:
                    self.tables["outbox"].pop(event.event_id, None)
            if isinstance(left, UnpublishableError):
                self._set_aside(left)
        if left is not None:
            raise left
        return len(events)

    def _set_aside(self, error: UnpublishableError) -> None:
        queue, now = outbox_queue(self.service), self.clock.now()
        for event in error.messages:
            row = _Queued(event.json, 1, now, now)
            self.tables["dead_letters"].setdefault((queue, event.event_id), (row, str(error)[:MAX_REASON], now))

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """See the port."""
        now = self.clock.now()
        async with self.rows() as unit:
            for queue, event in queue_events:
                key = (queue, event.event_id)
                if unit.get("inbox_received", key) is None:
                    unit.put("inbox_received", key, now)
                    unit.put("inbox", key, _Queued(event.json, 0, now, now, event.count))
        for queue, _ in queue_events:
            self._event(queue).set()

    async def forget_received(self, before: datetime) -> int:
        """See the port."""
        await self.ping()
        old = [key for key, at in self.tables["inbox_received"].items() if at < before]
        for key in old:
            del self.tables["inbox_received"][key]
        return len(old)

    async def ping(self) -> None:
        """See the port."""
        if not self.reachable:
            raise unavailable("database_unavailable", "The database can't be reached just now.")

    async def wait_published(self, timeout_s: float) -> None:
        """See the port."""
        await wait_and_clear(self._published, timeout_s)

    async def wait_received(self, queue: str, timeout_s: float) -> None:
        """See the port."""
        await wait_and_clear(self._event(queue), timeout_s)

    async def close(self) -> None:
        """See the port: there is nothing to release."""

    def _event(self, queue: str) -> asyncio.Event:
        return self._received.setdefault(queue, asyncio.Event())
