"""What became of the orders of a span of time, by what the shop has written down itself.

The tables are read when all is over, so that reading them is in nobody's way: each row says when it came about.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from souk_topologies.postgres import ServerAddress

ORDERS, MAILS = "souk_orders", "souk_notifications"
SPAN = """
SELECT count(*) FILTER (WHERE created_at >= $1 AND created_at < $2),
    count(*) FILTER (WHERE status = 'CONFIRMED' AND updated_at >= $1 AND updated_at < $2),
    count(*) FILTER (WHERE created_at < $1 AND updated_at >= $1),
    count(*) FILTER (WHERE created_at < $2 AND updated_at >= $2)
FROM orders
"""
MAILED = """
SELECT count(*) FROM (SELECT souk_time(record->>'created_at') AS at FROM mails) AS sent WHERE at >= $1 AND at < $2
"""
OPEN_NOW = "SELECT count(*) FROM orders WHERE status IN ('PENDING', 'RESERVED')"
STORED = "SELECT count(*) FROM orders WHERE created_at >= $1"
HELD = "SELECT count(*) FROM orders WHERE status = $1 AND created_at >= $2"
ENDS = "SELECT min(created_at), max(updated_at) FROM orders WHERE order_id LIKE $1 || '%' AND status = 'CONFIRMED'"


@dataclass(frozen=True)
class Span:
    """What happened between two moments, `seconds` apart."""

    seconds: float
    placed: int
    confirmed: int
    mailed: int
    open_at_start: int
    open_at_end: int

    @property
    def sustained_per_s(self) -> float:
        """Orders that went the whole way, per second: what came in, was confirmed and was mailed, whichever is least.

        Where a queue shrinks, more is confirmed than comes in, and that could not go on; where one grows, less is.
        """
        return min(self.placed, self.confirmed, self.mailed) / self.seconds

    @property
    def growth_per_s(self) -> float:
        """By how many the open orders grew a second."""
        return (self.open_at_end - self.open_at_start) / self.seconds


class Books:
    """The tables of one shop. Times are seconds since the epoch."""

    def __init__(self, server: ServerAddress) -> None:
        self._server = server

    async def span(self, start: float, end: float) -> Span:
        """What happened from `start` until `end`. To be asked when all orders have ended."""
        moments = _moment(start), _moment(end)
        counts = await self._row(ORDERS, SPAN, *moments)
        mails = await self._row(MAILS, MAILED, *moments)
        return Span(end - start, counts[0], counts[1], mails[0], counts[2], counts[3])

    async def open_now(self) -> int:
        """Orders that have not ended."""
        return int((await self._row(ORDERS, OPEN_NOW))[0])

    async def stored(self, since: float) -> int:
        """Orders placed since a moment."""
        return int((await self._row(ORDERS, STORED, _moment(since)))[0])

    async def count(self, status: str, since: float) -> int:
        """Orders placed since a moment that are in `status` now."""
        return int((await self._row(ORDERS, HELD, status, _moment(since)))[0])

    async def seconds_of(self, prefix: str) -> float:
        """From the first order placed to the last confirmed, of those whose ids begin so."""
        first, last = await self._row(ORDERS, ENDS, prefix)
        return float((last - first).total_seconds())

    async def _row(self, database: str, query: str, *values: object) -> asyncpg.Record:
        connection = await asyncpg.connect(self._server.dsn(database))
        try:
            row = await connection.fetchrow(query, *values)
        finally:
            await connection.close()
        assert row is not None
        return row


def _moment(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)
