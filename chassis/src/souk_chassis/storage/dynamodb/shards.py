"""One list out of an index that is spread over several partition keys, so that none of them is hot."""

import asyncio
from collections.abc import Sequence

import msgspec

from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition

LEAST_SHARE = 8
"""Of each partition key at least so many items are read at a time, or twice its even share where that is more."""


class Shards(msgspec.Struct, frozen=True):
    """The partition keys `names` of an index, which is sorted by `sort_key` in each. No two items have the same one."""

    tables: Tables
    table: Table
    index: str
    sort_key: str
    names: Sequence[str]

    async def first(
        self, limit: int, *, after: str | None = None, until: str | None = None, descending: bool = False
    ) -> list[Row]:
        """The first `limit` items of all, by the sort key: those after `after`, up to and without `until`.

        A partition key that has more of them than its share is read on, so that the answer is exact.
        """
        share = min(limit, max(LEAST_SHARE, 2 * -(-limit // len(self.names))))
        found: dict[str, list[Row]] = {name: [] for name in self.names}
        more = list(self.names)
        ends: set[str] = set()
        while True:
            pages = await asyncio.gather(
                *(self._page(name, found[name], share, after, until, descending) for name in more)
            )
            for name, page in zip(more, pages, strict=True):
                within = [row for row in page if until is None or self._before(row[self.sort_key], until, descending)]
                found[name] += within
                if len(within) < share:
                    ends.add(name)
            rows = sorted((row for each in found.values() for row in each), key=self._sort, reverse=descending)[:limit]
            # What lies between the last of a partition key and the last of all has not been read yet.
            missing = None if len(rows) < limit else self._sort(rows[-1])
            more = [
                name
                for name in self.names
                if name not in ends
                and (missing is None or self._before(self._sort(found[name][-1]), missing, descending))
            ]
            if not more:
                return rows

    async def count(self, at_most: int) -> int:
        """How many items there are; counting ends at `at_most`."""
        share = -(-at_most // len(self.names))
        counts = dict.fromkeys(self.names, 0)
        more = list(self.names)
        while True:
            counted = await asyncio.gather(
                *(self.tables.count(self.table, name, limit=share, index=self.index) for name in more)
            )
            counts.update(zip(more, counted, strict=True))
            more = [name for name in more if counts[name] >= share]
            if not more or sum(counts.values()) >= at_most:
                return min(at_most, sum(counts.values()))
            share = min(at_most, 2 * share)

    async def _page(
        self, name: str, found: Sequence[Row], share: int, after: str | None, until: str | None, descending: bool
    ) -> list[Row]:
        start = found[-1][self.sort_key] if found else after
        where: list[Condition] = []
        if start is not None:
            where = [(self.sort_key, "<" if descending else ">", start)]
        elif until is not None:
            where = [(self.sort_key, ">" if descending else "<", until)]
        return await self.tables.query(self.table, name, *where, index=self.index, limit=share, descending=descending)

    def _sort(self, row: Row) -> str:
        return str(row[self.sort_key])

    @staticmethod
    def _before(value: str, other: str, descending: bool) -> bool:
        return value > other if descending else value < other
