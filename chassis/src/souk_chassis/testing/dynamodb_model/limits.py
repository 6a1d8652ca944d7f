"""DynamoDB's limits as AWS publishes them, and the metering of capacity by partition.

Sources are pages of the Amazon DynamoDB Developer Guide: "Quotas in Amazon DynamoDB", "DynamoDB read and write
operations" (what a call costs), "Best practices for designing and using partition keys effectively" and "DynamoDB burst
and adaptive capacity" (partitions), "DynamoDB item sizes and formats", "Amazon DynamoDB Transactions: How it works".
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from souk_chassis.storage.dynamodb.values import size_of as size_of  # the model's own modules know it from here

PARTITION_WCU = 1_000
PARTITION_RCU = 3_000
"""Units a second of one partition, whatever the table has. One partition key without a sort key, and one item, never
have more."""
WRITE_UNIT_BYTES = 1_024
READ_UNIT_BYTES = 4_096
TRANSACTIONAL = 2
"""A transaction's reads and writes cost double."""
ITEM_BYTES = 400 * 1_024
TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 4 * 1_024 * 1_024
BATCH_GET_ITEMS = 100
BATCH_WRITE_ITEMS = 25
RESPONSE_BYTES = 1_024 * 1_024
"""What a Query reads at most before it gives a page."""
KEY_BYTES = 2_048
SORT_KEY_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls take, in seconds, from and to. Not published: single digits of milliseconds is AWS's word."""

    read: tuple[float, float] = (0.0, 0.0)
    write: tuple[float, float] = (0.0, 0.0)
    transaction: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model enforces.

    `partitions` is how many a table, and each of its indexes, has. `burst_s` is for how many seconds unused capacity
    is kept: AWS keeps "up to 5 minutes" and promises none of it, so it is 0 here unless a test asks.
    """

    partitions: int = 64
    metered: bool = True
    burst_s: int = 0


@dataclass(slots=True)
class _Second:
    """What a partition has left."""

    second: int = -1
    writes: float = 0.0
    reads: float = 0.0


@dataclass(slots=True)
class Usage:
    """What was asked of one table or index."""

    writes: float = 0.0
    reads: float = 0.0
    throttled: int = 0
    busiest_write_s: float = 0.0
    """The most write units that one partition gave in one second."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Units of one partition of a table, or of an index (`table/index`)."""

    place: str
    partition: int
    writes: float = 0.0
    reads: float = 0.0


@dataclass(slots=True)
class Meter:
    """Grants units by the whole second of the clock: a partition never gives more than its rate in one of them."""

    limits: Limits
    usage: dict[str, Usage] = field(default_factory=dict)
    _seconds: dict[tuple[str, int], _Second] = field(default_factory=dict)

    def partition(self, hash_value: str) -> int:
        """Where a partition key lives."""
        return zlib.crc32(b"partition of " + hash_value.encode()) % self.limits.partitions

    def grant(self, charges: Iterable[Charge], now_s: float) -> set[Charge]:
        """Take all of these units, or none. Returns the charges that there was no room for."""
        wanted: dict[tuple[str, int], Charge] = {}
        for charge in charges:
            key = charge.place, charge.partition
            known = wanted.get(key, Charge(*key))
            wanted[key] = Charge(*key, known.writes + charge.writes, known.reads + charge.reads)
        short = {charge for charge in wanted.values() if self._is_short(charge, int(now_s))}
        for charge in wanted.values():
            used = self.usage.setdefault(charge.place, Usage())
            if short:
                used.throttled += charge in short
                continue
            second = self._seconds[charge.place, charge.partition]
            second.writes -= charge.writes
            second.reads -= charge.reads
            used.writes += charge.writes
            used.reads += charge.reads
            used.busiest_write_s = max(used.busiest_write_s, PARTITION_WCU - second.writes)
        return short

    def _is_short(self, charge: Charge, now_s: int) -> bool:
        key = charge.place, charge.partition
        second = self._seconds.get(key)
        if second is None:
            second = self._seconds[key] = _Second(now_s, PARTITION_WCU, PARTITION_RCU)
        elif second.second != now_s:
            kept, passed = 1 + self.limits.burst_s, now_s - second.second
            second.second = now_s
            second.writes = min(PARTITION_WCU * kept, second.writes + PARTITION_WCU * passed)
            second.reads = min(PARTITION_RCU * kept, second.reads + PARTITION_RCU * passed)
        if not self.limits.metered:
            second.writes, second.reads = PARTITION_WCU, PARTITION_RCU
            return False
        return charge.writes > second.writes or charge.reads > second.reads


def write_units(size: int) -> int:
    """Write units of one plain write."""
    return max(1, -(-size // WRITE_UNIT_BYTES))


def read_units(size: int) -> int:
    """Read units of one strongly consistent read."""
    return max(1, -(-size // READ_UNIT_BYTES))
