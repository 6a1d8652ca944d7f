"""Reading what is spread over slots as one list."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import itemgetter

from souk_chassis.storage.dynamodb.values import Row
from souk_notifications.storage.dynamodb_rows import SLOTS, slot

PAGE = 16
"""The fewest rows that a slot is asked for at a time."""

ReadSlot = Callable[[str, str | None, int], Awaitable[list[Row]]]
"""Reads so many rows of a slot, from the place after another on, or from the beginning."""


async def merged(
    read: ReadSlot, by: str, wanted: int, count: Callable[[Sequence[Row]], int] = len, *, descending: bool = False
) -> list[Row]:
    """The rows of all slots in the order of their attribute `by`: until `count` of them is `wanted`, or all.

    Of each slot it reads little more than its share, and again where that was not enough.
    """
    size = max(PAGE, 2 * wanted // SLOTS)
    slots: dict[str, list[Row]] = {slot(number): [] for number in range(SLOTS)}
    unread = set(slots)
    while True:
        names = sorted(unread)
        pages = await asyncio.gather(*(read(name, _last(slots[name], by), size) for name in names))
        for name, page in zip(names, pages, strict=True):
            slots[name] += page
            if len(page) < size:
                unread.discard(name)
        rows = _known(slots, unread, by, descending)
        if not unread or count(rows) >= wanted:
            return rows


def _known(slots: Mapping[str, list[Row]], unread: set[str], by: str, descending: bool) -> list[Row]:
    """The rows that no unread one can come before."""
    rows = sorted((row for found in slots.values() for row in found), key=itemgetter(by), reverse=descending)
    ends = [str(slots[name][-1][by]) for name in unread]
    if not ends:
        return rows
    if descending:
        return [row for row in rows if row[by] >= max(ends)]
    return [row for row in rows if row[by] <= min(ends)]


def _last(rows: Sequence[Row], by: str) -> str | None:
    return str(rows[-1][by]) if rows else None
