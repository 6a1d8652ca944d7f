"""Checks of event handlers that every service's tests make."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.context import Context
from souk_chassis.events.event import Delivery, Envelope, Stored, events_of
from souk_chassis.storage.ports import Store


def events_in(messages: Iterable[Stored]) -> list[Envelope[msgspec.Raw]]:
    """The events of an outbox, in the order of their ids, with their data unread."""
    events = [event for message in messages for event in events_of(message.json)]
    return [wire.decode(json, Envelope[msgspec.Raw]) for _, json in sorted(events)]


async def assert_idempotent(
    apply: Callable[..., Awaitable[None]],
    context: Context[Any],
    database: Store[Any],
    deliveries: Sequence[Delivery[Any]],
    snapshot: Callable[[], Awaitable[Any]],
    *answers: Any,
) -> None:
    """Run a handler on the same deliveries again and again: after the first run nothing may change.

    `apply` is a `Consumer`'s, called as the worker calls it, with `answers` where it has an `ask`. `snapshot()` reads
    what it may change, in a form that `==` compares. The second run has a unit of work of its own; the third and the
    fourth share one. Raises AssertionError where a later run changes the snapshot or publishes more.
    """
    await _run(apply, context, database, deliveries, answers, times=1)
    once = (await snapshot(), await database.outbox_size())
    for times in (1, 2):
        await _run(apply, context, database, deliveries, answers, times=times)
        again = (await snapshot(), await database.outbox_size())
        if again != once:
            raise AssertionError(f"the handler is not idempotent: (snapshot, outbox) was {once}, and is now {again}")


async def _run(
    apply: Callable[..., Awaitable[None]],
    context: Context[Any],
    database: Store[Any],
    deliveries: Sequence[Delivery[Any]],
    answers: Sequence[Any],
    *,
    times: int,
) -> None:
    async with database.unit() as unit:
        for _ in range(times):
            await apply(context, unit, deliveries, *answers)
