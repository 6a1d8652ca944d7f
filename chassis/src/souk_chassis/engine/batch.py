"""The one batch handler: reads events, asks where there is something to ask, applies their effect in one unit of work,
isolates what fails, lets it come again, and gives it up after its attempts.

It works over a small port, `EventSource`: the queues of a database, or a batch of SQS.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import msgspec

from souk_chassis import wire
from souk_chassis.context import Context
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.events.event import Delivery, Event, traceparent_of
from souk_chassis.manifest import Consumer
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import recorder
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.messages import count_events
from souk_chassis.storage.ports import TOO_WIDE, Waiting

T = TypeVar("T")

_Ask = Callable[..., Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One consumer of one event in one service."""

    queue: str
    event: type[Event]
    consumer: Consumer


class EventSource(Protocol):
    """What the batch handler needs of a queue. How messages are taken is each queue's own way: the handler is given
    them, or asks in a unit of work of its own."""

    @property
    def at_once(self) -> int | None:
        """How many events one unit of work has room for; None where it has no limit."""

    def unit(self) -> AbstractAsyncContextManager[Any]:
        """A unit of work of the service's store."""

    def read(self, message: Waiting) -> list[Delivery[Any]]:
        """The events of a message. Raises what `wire.UNREADABLE` lists."""

    async def split(self, messages: Sequence[Waiting]) -> list[Waiting]:
        """Give each event a message of its own: see `souk_chassis.storage.ports.Database.split`."""

    async def acknowledge(self, unit: Any, messages: Sequence[Waiting]) -> set[str]:
        """Acknowledge messages in a unit. Returns the ids of those that are still this handler's."""

    def holding(self, messages: Sequence[Waiting]) -> AbstractAsyncContextManager[None]:
        """Keep messages from others for as long as the block lasts."""

    async def tried(self, message: Waiting) -> int:
        """Count that an event was tried and failed. Returns how often that was, this time included."""

    async def postpone(self, message: Waiting, attempt: int) -> None:
        """Let an event come again, after a pause that grows with its attempts."""

    async def bury(self, message: Waiting, reason: str, attempts: int) -> None:
        """Give an event up: move it to the dead letters."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An event, the message that brought it, and what was answered for it, or the exception."""

    message: Waiting
    delivery: Delivery[Any]
    answer: Any = None


@dataclass(frozen=True, slots=True)
class BatchHandler:
    """Handles batches of one subscription."""

    subscription: Subscription
    source: EventSource
    log: Log
    context: Callable[[str], Context[Any]]
    """Makes the context of one call of a handler, in a trace."""
    deliveries: int = 1
    """How often each event is handed to its handler: 2 in the topology that tries idempotence."""

    async def take_and_handle(self, take: Callable[[Any], Awaitable[list[Waiting]]]) -> int:
        """Take a batch by `take(unit)` and handle it: taking, effect, next events and acknowledgement in one unit of
        work. Returns how many events were taken. Raises SoukError for the store's own trouble: nothing was kept then.
        """
        messages: list[Waiting] = []
        try:
            async with self.source.unit() as unit:
                messages = await take(unit)
                if messages:
                    await self._apply(unit, [each for one in messages for each in self.source.read(one)])
        except Exception as error:
            if not messages or is_of_the_store(error):
                raise
            if count_events(messages) == 1:
                await self._failed(messages[0], error)
            else:
                for item in await self._read(await self.source.split(messages)):
                    await self._record([item])
        return count_events(messages)

    async def handle(self, messages: Sequence[Waiting]) -> None:
        """Handle messages that are in hand already: ask outside any unit of work, record the answers in one. Raises
        SoukError for the store's own trouble: what was not recorded then comes again, with no attempt counted."""
        items = await self._read(messages)
        if items and (ask := self.subscription.consumer.ask) is not None:
            items = await self._ask(ask, items)
        at_once = self.source.at_once or max(1, len(items))
        for start in range(0, len(items), at_once):
            await self._record(items[start : start + at_once])

    async def _read(self, messages: Sequence[Waiting]) -> list[_Item]:
        """What can be read; the rest goes to the dead letters."""
        items: list[_Item] = []
        for message in messages:
            try:
                items += [_Item(message, delivery) for delivery in self.source.read(message)]
            except wire.UNREADABLE as error:
                parts = await self.source.split([message])
                if parts == [message]:  # of one event, or none that can be told from another
                    await self._failed(message, error)
                else:
                    items += await self._read(parts)
        return items

    async def _ask(self, ask: _Ask, items: Sequence[_Item]) -> list[_Item]:
        """Those that were answered. What was refused waits for its next attempt."""
        async with self.source.holding([item.message for item in items]):
            answered = await self._answers(ask, items)
            if any(isinstance(item.answer, Exception) for item in answered):
                answered = await self._apart(answered)
        for item in answered:
            if isinstance(item.answer, Exception):
                await self._failed(item.message, item.answer)
        return [item for item in answered if not isinstance(item.answer, Exception)]

    async def _answers(self, ask: _Ask, items: Sequence[_Item]) -> list[_Item]:
        """Each with its answer, or the exception. Where asking for all raises, each is asked for alone."""
        answered: list[_Item] = []

        async def ask_for(asked: Sequence[_Item]) -> None:
            deliveries = [item.delivery for item in asked]
            with recorder.handling(self.subscription.queue, self.log.service, deliveries) as handled:
                async with asyncio.timeout(self.subscription.consumer.ask_s):
                    answers = await ask(self.context(handled[0].traceparent), handled)
            if len(answers) != len(asked):
                raise TypeError(f"{len(answers)} answers to {len(asked)} events")
            answered.extend(replace(item, answer=answer) for item, answer in zip(asked, answers, strict=True))

        async def failed(item: _Item, error: Exception) -> None:
            answered.append(replace(item, answer=error))

        await all_or_each(items, ask_for, failed)
        return answered

    async def _record(self, items: Sequence[_Item]) -> None:
        """Apply and acknowledge in one unit of work; where that fails one by one, with the same answers. What is too
        much for a unit is halved: its events differ in what they write."""
        try:
            await retry_on_conflict(lambda: self._in_one_unit(items))
        except Exception as error:
            if is_of_the_store(error):
                raise
            if len(items) == 1:
                await self._failed(items[0].message, error)
            elif isinstance(error, SoukError) and error.code == TOO_WIDE:
                await self._record(items[: len(items) // 2])
                await self._record(items[len(items) // 2 :])
            else:
                for item in await self._apart(items):
                    await self._record([item])

    async def _in_one_unit(self, items: Sequence[_Item]) -> None:
        async with self.source.unit() as unit:
            messages = {item.message.event_id: item.message for item in items}
            held = await self.source.acknowledge(unit, list(messages.values()))
            ours = [item for item in items if item.message.event_id in held]  # somebody else has had the rest by now
            if ours:
                answers = [] if self.subscription.consumer.ask is None else [[item.answer for item in ours]]
                await self._apply(unit, [item.delivery for item in ours], *answers)

    async def _apply(self, unit: Any, deliveries: Sequence[Delivery[Any]], *answers: Sequence[Any]) -> None:
        with recorder.handling(self.subscription.queue, self.log.service, deliveries) as handled:
            context = self.context(handled[0].traceparent)
            for _ in range(self.deliveries):
                await self.subscription.consumer.apply(context, unit, handled, *answers)

    async def _apart(self, items: Sequence[_Item]) -> list[_Item]:
        """Each event in a message of its own, without those that somebody else has taken meanwhile."""
        messages = {item.message.event_id: item.message for item in items}
        own = {part.event_id: part for part in await self.source.split(list(messages.values()))}
        return [replace(item, message=own[item.delivery.event_id]) for item in items if item.delivery.event_id in own]

    async def _failed(self, message: Waiting, error: Exception) -> None:
        """Try an event again later, or give it up: at once where it can't be read, else after its attempts."""
        unreadable = isinstance(error, wire.UNREADABLE)
        attempt = message.attempts + 1 if unreadable else await self.source.tried(message)
        facts: dict[str, Any] = {"queue": self.subscription.queue, "eventId": message.event_id, "attempt": attempt}
        facts["traceparent"] = traceparent_of(message.json)
        if unreadable or attempt >= self.subscription.consumer.attempts:
            self.log.error("event given up", error=error, **facts)
            await self.source.bury(message, f"{type(error).__name__}: {error}", attempt)
            return
        transient = isinstance(error, SoukError) and error.rule.retryable
        self.log.warning("event failed", detail=str(error), transient=transient, **facts)
        await self.source.postpone(message, attempt)


def check_type(given: str, subscription: Subscription) -> None:
    """A queue brings one version of one type. Raises msgspec.ValidationError where `given` is another."""
    known = subscription.event.type_name()
    if given and given != known:
        raise msgspec.ValidationError(f"{given} came, and only {known} is known here")


def is_of_the_store(error: Exception) -> bool:
    """Whether what failed in a unit of work is the store's own trouble, and no event's."""
    return isinstance(error, SoukError) and error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT_UNKNOWN}


async def all_or_each(
    items: Sequence[T],
    do: Callable[[Sequence[T]], Awaitable[None]],
    failed: Callable[[T, Exception], Awaitable[None]],
    *,
    raises: Callable[[Exception], bool] = lambda _: False,
) -> None:
    """Do it for all at once; where that raises, for each alone, so that one that fails spoils no other. `raises` says
    which errors are raised all the same."""
    try:
        await do(items)
    except Exception as error:
        if raises(error):
            raise
        if len(items) == 1:
            await failed(items[0], error)
            return
        for item in items:
            await all_or_each([item], do, failed, raises=raises)
