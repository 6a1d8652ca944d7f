"""Stock in shards: items that each have a part of a product's stock, so that a hot product passes the 1,000 write
units a second of one item, and the transactions of many writers do not meet on one.

- A product has one shard until `spread` gives it more. The sums over its shards are the product's ledger.
- Who takes stock chooses at random among the shards that have enough, and borrows from several where none has. The
  condition of the write is that each still has what is taken, and not that it is unchanged.
- What comes back goes to a shard at random; what is much is spread over all.
- Who corrects the stock of a product with one shard finds it as it was read, or collides. With more shards the stock
  told after a correction is that of the reading, and sales of that very moment may be missing in it.
- Nothing is rejected but on one reading of all shards of a product as of one moment. While writers keep that reading
  from happening, it is unknown whether there is enough, and a CollisionError says so: who tries again will know.
"""

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition, Write, insert, update
from souk_contracts.products import ProductNotFound, StockBook
from souk_products.domain import Movement, Reservation, ReservationState
from souk_products.storage.dynamodb_rows import shard_key, shard_row
from souk_products.tables import PRODUCTS

SPREAD_ABOVE = 1_000
"""Units: a gift of more than so many to each shard is spread over all shards, and a smaller one goes to one of them."""

Shards = list[int]
"""The stock on hand of each shard of a product."""


@dataclass(frozen=True, slots=True)
class StockWrite:
    """What one shard gives or takes."""

    write: Write
    product_id: str
    shard: int


@dataclass(slots=True)
class Stock:
    """Reads and plans stock. `known` remembers how many shards products have: they never become fewer."""

    tables: Tables
    dice: random.Random
    known: dict[str, int] = field(default_factory=dict)

    async def read(self, product_ids: Collection[str]) -> dict[str, Shards]:
        """The shards of those that exist, each shard as of now, but not all as of one moment."""
        rows = await self.rows(product_ids)
        return {product_id: [row["onHand"] for row in shards] for product_id, shards in rows.items()}

    async def rows(self, product_ids: Iterable[str]) -> dict[str, list[Row]]:
        """The items of the shards."""
        wanted = set(product_ids)
        found: dict[tuple[str, ...], Row] = {}
        missing = {shard_key(p, n) for p in wanted for n in range(self.known.get(p, 1))}
        counts: dict[str, int] = {}
        for _ in range(2):  # shards that are new to this process are there: shard 0 counts them as they are made
            found |= await self.tables.get_many(PRODUCTS, [(key,) for key in missing])
            counts = {p: found[shard_key(p, 0),]["shards"] for p in wanted if (shard_key(p, 0),) in found}
            self.known.update(counts)
            known = {shard_key(p, n) for p, count in counts.items() for n in range(count)}
            missing = {key for key in known if (key,) not in found}
            if not missing:
                return {p: [found[shard_key(p, n),] for n in range(count)] for p, count in counts.items()}
        raise RuntimeError(f"shards of stock are gone: {', '.join(sorted(missing))}")

    async def snapshot(self, product_ids: Collection[str]) -> dict[str, Shards]:
        """The shards of those that exist: each product's as of one moment. Raises CollisionError while somebody
        writes them."""
        ids = [product_id for product_id in product_ids if product_id in self.known]
        parts = _packed({product_id: self.known[product_id] for product_id in ids}, TRANSACTION_ITEMS)
        found = await asyncio.gather(*(self._snapshot(part) for part in parts))
        return {product_id: shards for part in found for product_id, shards in part.items()}

    async def _snapshot(self, product_ids: Sequence[str]) -> dict[str, Shards]:
        keys = [(p, n) for p in product_ids for n in range(self.known[p])]
        rows = await self.tables.snapshot(PRODUCTS, [(shard_key(*key),) for key in keys])
        found: dict[str, Shards] = {p: [] for p in product_ids}
        for (product_id, shard), row in zip(keys, rows, strict=True):
            if row is None:
                raise CollisionError
            found[product_id].append(row["onHand"])
            if shard == 0 and row["shards"] != self.known[product_id]:
                self.known[product_id] = row["shards"]  # it was spread a moment ago: the next try sees all of it
                raise CollisionError
        return found

    def plan(
        self, movement: Movement, shards: Shards, *, narrow: bool = False, avoid: Collection[int] = ()
    ) -> list["StockWrite"]:
        """The writes of one movement. `narrow` spreads no gift; shards to avoid are those that others write just now.

        Raises RuntimeError where the shards have less than it takes.
        """
        change = movement.on_hand
        takes = change < 0
        parts = self._taken(-change, shards, avoid) if takes else self._given(change, len(shards), narrow, avoid)
        if sum(parts.values()) != change:
            raise RuntimeError(f"a stock movement of {movement.product_id} was impossible")
        # The counters of a movement stand in one shard, and what the others give or take is balanced there: each
        # shard's ledger adds up by itself, and the sums over the shards are the movement's.
        main, *others = parts
        counter, sign = ("sold", -1) if movement.sold > 0 else ("corrected", 1)
        counters = {"corrected": movement.corrected, "sold": movement.sold, "returned": movement.returned}
        counters[counter] -= sign * sum(parts[shard] for shard in others)
        # Who corrects stock answers with what there is then: in one shard that can be made sure of.
        exactly = shards[0] if movement.corrected and len(shards) == 1 else None
        product_id = movement.product_id
        return [
            StockWrite(self._write(product_id, main, parts[main], counters, exactly), product_id, main),
            *(
                StockWrite(
                    self._write(product_id, shard, parts[shard], {counter: sign * parts[shard]}), product_id, shard
                )
                for shard in others
            ),
        ]

    def _taken(self, units: int, shards: Shards, avoid: Collection[int]) -> dict[int, int]:
        """What to take from which shard, below zero."""
        enough = [shard for shard, on_hand in enumerate(shards) if on_hand >= units]
        if enough:
            return {self.dice.choice([shard for shard in enough if shard not in avoid] or enough): -units}
        parts: dict[int, int] = {}
        for shard in sorted(range(len(shards)), key=lambda each: -shards[each]):  # the fewest shards that do
            part = min(units, shards[shard])
            if part > 0:
                parts[shard] = -part
                units -= part
        return parts or {0: 0}

    def _given(self, units: int, count: int, narrow: bool, avoid: Collection[int]) -> dict[int, int]:
        if narrow or units <= SPREAD_ABOVE * count:
            return {self.dice.choice([shard for shard in range(count) if shard not in avoid] or range(count)): units}
        each, rest = divmod(units, count)
        return {shard: each + (shard < rest) for shard in range(count)}

    def _write(
        self, product_id: str, shard: int, change: int, counters: Mapping[str, int], exactly: int | None = None
    ) -> Write:
        adds = {name: units for name, units in {"onHand": change, **counters}.items() if units}
        there: Condition = ("onHand", ">=", -change) if change < 0 else ("productId", "present", None)
        if exactly is not None:
            there = ("onHand", "=", exactly)
        return update(PRODUCTS, {"productId": shard_key(product_id, shard)}, adds=adds, when=[there])

    async def spread(self, product_id: str, shards: int) -> None:
        """Give a product more shards, and each the same part of its stock. It never gets fewer.

        Moved stock counts as the start of the shard that has it, so that the ledger stays as it was. Raises SoukError
        ProductNotFound, or CollisionError where somebody sells at the same moment.
        """
        rows = (await self.rows([product_id])).get(product_id)
        if rows is None:
            raise ProductNotFound()
        count = max(len(rows), shards)
        each, rest = divmod(sum(row["onHand"] for row in rows), count)
        writes = []
        for shard in range(count):
            units = each + (shard < rest)
            if shard >= len(rows):
                writes.append(insert(PRODUCTS, shard_row(product_id, shard, units)))
                continue
            on_hand = rows[shard]["onHand"]
            sets = {"onHand": units, "start": rows[shard]["start"] + units - on_hand}
            if shard == 0:
                sets["shards"] = count
            key = {"productId": shard_key(product_id, shard)}
            when: list[Condition] = [("onHand", "=", on_hand), ("start", "=", rows[shard]["start"])]
            if shard == 0:
                when.append(("shards", "=", len(rows)))
            writes.append(update(PRODUCTS, key, sets=sets, when=when))
        await self.tables.transact(writes)
        self.known[product_id] = count


def plus(left: Movement | None, right: Movement, sign: int = 1) -> Movement:
    """The sum of two movements of one product; their difference where `sign` is -1."""
    known = left or Movement(right.product_id)
    return replace(
        known,
        corrected=known.corrected + sign * right.corrected,
        sold=known.sold + sign * right.sold,
        returned=known.returned + sign * right.returned,
    )


def booked(reservation: Reservation) -> dict[str, Movement]:
    """What a reservation has done to the ledger from its beginning to now."""
    back = reservation.returned
    if reservation.state is ReservationState.HELD:
        return {p: Movement(p, sold=units, returned=back.get(p, 0)) for p, units in reservation.wanted.items()}
    return {p: Movement(p, sold=units, returned=units) for p, units in back.items()}


def book(product_id: str, rows: Sequence[Row]) -> StockBook:
    """The ledger of a product: the sums over its shards."""
    sums = {name: sum(row[name] for row in rows) for name in ("start", "corrected", "sold", "returned", "onHand")}
    now = sums.pop("onHand")
    return StockBook(product_id=product_id, now=now, **sums)


def _packed(weights: Mapping[str, int], most: int) -> list[list[str]]:
    """Names in groups of `most` together, by their weights."""
    groups: list[list[str]] = []
    room = 0
    for name, weight in weights.items():
        if weight > room:
            groups.append([])
            room = most
        groups[-1].append(name)
        room -= weight
    return groups
