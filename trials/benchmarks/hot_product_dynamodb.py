"""How many reservations a second one product takes on DynamoDB, by shards and batches: the real adapter on a model of
DynamoDB's published limits, in virtual time.

It measures limits and not this machine: how long Python takes counts for nothing, and the result is the same anywhere.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from souk_chassis.errors import SoukError
from souk_chassis.money import Money
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.errors import THROTTLED
from souk_chassis.storage.dynamodb.writes import update
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_contracts.products import StockRejected, StockReserved
from souk_products.domain import ReservationState
from souk_products.ports import ProductRecord
from souk_products.stock_movements import reserve
from souk_products.storage.dynamodb import DynamoProductsStore
from souk_products.storage.dynamodb_rows import shard_key
from souk_products.tables import PRODUCTS, TABLES

HOT = "hot"
GOAL_PER_S = 10_000
OFFERED = 10_500
"""Orders a second that come. A little more than the goal, so that what is on its way at the end does not count."""
SECONDS = 10
WARM_UP_S = 1.0
"""The figures are of the time after this: until then the first orders are on their way."""
WINDOW_S = 0.05
"""How long a writer waits for its batch to fill, as a Lambda's batch window."""
LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
PARTITIONS = 256
"""Partitions of each table and index: what a table has that was warmed for 256,000 write units a second."""


@dataclass(frozen=True)
class Case:
    """One row: `batch` orders a unit of work, `writers` at once, each with a store of its own as a Lambda's sandboxes
    have. `plain` is one UpdateItem an order, without the reservation and the event: the bare limit of an item."""

    shards: int
    batch: int
    writers: int
    plain: bool = False
    stock: int = OFFERED * SECONDS
    seconds: int = SECONDS


CASES = (
    Case(1, 1, 64, plain=True, seconds=3),
    Case(1, 1, 4, seconds=3),
    Case(16, 1, 32, seconds=3),
    Case(1, 10, 4, seconds=3),
    Case(4, 10, 8, seconds=3),
    Case(16, 10, 32, seconds=3),
    Case(1, 48, 4, seconds=3),
    Case(4, 48, 8, seconds=3),
    Case(16, 48, 16),
    Case(16, 48, 16, stock=OFFERED * 2, seconds=3),
)
GOAL = Case(16, 48, 16)


@dataclass
class Run:
    """Orders that come by a schedule, and what became of them. Times are virtual seconds since the start."""

    case: Case
    began_s: float
    taken: int = 0
    collisions: int = 0
    latencies_s: list[float] = field(default_factory=list)
    done_after_warm_up: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def now_s(self) -> float:
        """Since the start."""
        return asyncio.get_running_loop().time() - self.began_s

    def arrived(self) -> int:
        """How many orders have come by now."""
        return min(int(self.now_s * OFFERED), OFFERED * self.case.seconds)

    async def take(self) -> list[int]:
        """The next batch, or what has come when the window closes. Nothing when the time is up."""
        closes_s = self.now_s + WINDOW_S
        while self.now_s < self.case.seconds:
            waiting = self.arrived() - self.taken
            if waiting >= self.case.batch or (waiting and self.now_s >= closes_s):
                first, self.taken = self.taken, self.taken + min(waiting, self.case.batch)
                return list(range(first, self.taken))
            await asyncio.sleep(max(0.0005, (self.case.batch - waiting) / OFFERED))
        return []

    def done(self, numbers: Sequence[int], outcomes: Sequence[str]) -> None:
        """These orders are decided and kept."""
        now_s = self.now_s
        self.outcomes.update(outcomes)
        if WARM_UP_S < now_s <= self.case.seconds:
            self.done_after_warm_up += len(numbers)
            self.latencies_s += [now_s - number / OFFERED for number in numbers]


async def write_batches(run: Run, store: DynamoProductsStore) -> None:
    """One writer: a unit of work a batch, again at once where it collides, as the worker does."""
    while numbers := await run.take():
        while True:
            try:
                async with store.unit() as unit:
                    decided = await reserve(unit, {f"order-{number:06}": {HOT: 1} for number in numbers})
                    for each in decided:
                        if each.state is ReservationState.HELD:
                            event = StockReserved(
                                order_id=each.order_id, total_minor=1999, currency="GBP", payment_method="tok_ok"
                            )
                            unit.publish(event, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                        else:
                            unit.publish(StockRejected(order_id=each.order_id, short_items=each.short_items), "")
                run.done(numbers, [each.state for each in decided])
                break
            except SoukError as error:
                if not isinstance(error, CollisionError) and error.code != THROTTLED:
                    raise
                run.collisions += isinstance(error, CollisionError)


async def write_plainly(run: Run, store: DynamoProductsStore) -> None:
    """One writer of single conditional updates."""
    sold = update(
        PRODUCTS, {"productId": shard_key(HOT, 0)}, adds={"onHand": -1, "sold": 1}, when=[("onHand", ">=", 1)]
    )
    while numbers := await run.take():
        try:
            await store.tables.write(sold)
            run.done(numbers, [ReservationState.HELD])
        except SoukError as error:
            if error.code != THROTTLED:
                raise


async def play(case: Case) -> dict[str, object]:
    """One row of figures."""
    dice = random.Random(1)
    model = DynamoModel(TABLES, Limits(PARTITIONS), LATENCY, dice)
    stores = [DynamoProductsStore(RetryingClient(model, dice=dice), VirtualClock(), dice) for _ in range(case.writers)]
    store = stores[0]
    async with store.unit() as unit:
        await unit.put_products([ProductRecord(HOT, "Hot", "", Money(1999), store.clock.now())], {HOT: case.stock})
    await store.spread_stock(HOT, case.shards)
    await asyncio.sleep(1.0 - asyncio.get_running_loop().time() % 1.0)
    model.counts.clear()
    model.meter.usage.clear()
    run = Run(case, asyncio.get_running_loop().time())
    write = write_plainly if case.plain else write_batches
    await asyncio.gather(*(write(run, each) for each in stores))
    return await figures(run, model, store)


async def figures(run: Run, model: DynamoModel, store: DynamoProductsStore) -> dict[str, object]:
    """The row, after an audit: more sold than there was is oversold, and so is a reservation without its stock."""
    case = run.case
    usage = model.meter.usage.values()
    throttles = sum(used.throttled for used in usage)
    written = sum(used.writes for used in usage)
    decided = sum(run.outcomes.values())
    held = run.outcomes[ReservationState.HELD]
    conflicts = model.counts["TransactionConflict"]
    [book] = await store.stock_books("", 2)
    if book.start + book.corrected - book.sold + book.returned != book.now or book.now < 0 or book.start != case.stock:
        raise RuntimeError(f"the ledger does not add up: {book}")
    kept = {name: len(table.items) for name, table in model.tables.items()}
    if book.sold != held or (not case.plain and kept["Reservations"] != decided):
        raise RuntimeError(f"{book.sold} sold, {held} held, {kept['Reservations']} reservations of {decided}")
    latencies = sorted(run.latencies_s)
    return {
        **asdict(case),
        "reached_per_s": round(run.done_after_warm_up / (case.seconds - WARM_UP_S)),
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 1),
        "p99_ms": round(1000 * latencies[len(latencies) * 99 // 100], 1),
        "throttled_calls": throttles,
        "conflicts": conflicts,
        "collisions": run.collisions,
        "held": held,
        "rejected": run.outcomes[ReservationState.REJECTED],
        "oversold": max(0, held - case.stock),
        "write_units_each": round(written / max(1, decided), 2),
        "busiest_partition_wcu_s": round(max(used.busiest_write_s for used in usage)),
    }


COLUMNS = {
    "way": 9,
    "shards": 6,
    "batch": 5,
    "writers": 7,
    "reached_per_s": 13,
    "p50_ms": 9,
    "p99_ms": 9,
    "throttled_calls": 15,
    "conflicts": 9,
    "held": 7,
    "rejected": 8,
    "oversold": 8,
    "write_units_each": 16,
}


def main() -> int:
    """Play every case, print the table, and say whether the goal was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    asked = parser.parse_args()
    began_s = time.monotonic()
    gc.disable()  # what a run makes is kept until its end, and looking through it again and again is most of the time
    rows = []
    if not asked.json:
        print(f"{OFFERED:,} orders/s of one product, for {SECONDS} modelled seconds or fewer")
        print("  ".join(f"{name:>{width}}" for name, width in COLUMNS.items()))
    for case in CASES:
        row = run_virtually(play(case))
        gc.collect()
        rows.append(row)
        if not asked.json:
            shown = {**row, "way": "plain" if case.plain else "adapter"}
            print("  ".join(f"{shown[name]:>{width}}" for name, width in COLUMNS.items()), flush=True)
    goal = rows[CASES.index(GOAL)]
    met = int(str(goal["reached_per_s"])) >= GOAL_PER_S and not any(row["oversold"] for row in rows)
    if asked.json:
        seconds = round(time.monotonic() - began_s, 1)
        print(json.dumps({"rows": rows, "goal_per_s": GOAL_PER_S, "met": met, "seconds": seconds}))
    else:
        print(f"{'met' if met else 'NOT met'}: {goal['reached_per_s']:,} reservations/s with {GOAL.shards} shards,")
        print(f"{GOAL.batch} orders a batch, nothing oversold; {time.monotonic() - began_s:.0f} s of real time")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
