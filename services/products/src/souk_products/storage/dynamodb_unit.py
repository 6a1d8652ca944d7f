"""A unit of work of the products service on DynamoDB: what it has read, and what it will write in one transaction.

An order wider than a transaction is the exception: its reservation is made, released or restocked first, in chunks
(`dynamodb_wide.py`). What says that something is done, the reconciler's place, comes last.
"""

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from souk_chassis.clock import Clock
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.errors import (
    ConditionFailedError,
    RequestRefusedError,
    TransactionCancelledError,
)
from souk_chassis.storage.dynamodb.outbox import outbox_writes
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition, Write, insert, put, update
from souk_products.domain import Checkpoint, Movement, Reservation, ReservationState
from souk_products.ports import ProductRecord
from souk_products.storage.dynamodb_rows import (
    CHECKPOINT_KEY,
    WATCHED,
    age_key,
    order_key,
    product_row,
    reservation_of,
    reservation_row,
    return_key,
    shard_row,
)
from souk_products.storage.dynamodb_stock import Shards, Stock, StockWrite, booked, plus
from souk_products.storage.dynamodb_wide import WideReservations, return_write
from souk_products.tables import EVENTS, PRODUCTS, RESERVATIONS

WIDE_ABOVE = 80
"""Products of one order: one with more is reserved in chunks."""
SHARD_TRIES = 8
"""How often a transaction whose shards others have in hand is tried with others, before the unit is done again."""
SHARD_PAUSE_S = 0.004
"""Before the third try it waits a random time below this, then below twice it, three times it ..."""


class DynamoProductsUnit(DynamoUnit):
    """See `souk_products.ports.ProductsUnit`, of which it has all but the queues."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random, known_shards: dict[str, int]) -> None:
        super().__init__(tables, EVENTS, "products", clock, dice)
        self._stock = Stock(tables, dice, known_shards)
        self._wide = WideReservations(tables, self._stock, clock, dice)
        self._shards: dict[str, Shards] = {}
        self._looked: set[str] = set()
        self._products: dict[str, ProductRecord] = {}
        self._new: dict[str, int] = {}
        self._moved: dict[str, Movement] = {}
        self._heads: dict[str, Row | None] = {}
        self._before: dict[str, Reservation] = {}
        self._kept: dict[str, Reservation] = {}
        self._changed: dict[str, Reservation] = {}
        self._notes: dict[str, str] = {}
        self._watched: dict[str, bool] = {}
        self._checkpoint: Checkpoint | None = None

    # --- the port

    async def put_products(self, products: Sequence[ProductRecord], start: Mapping[str, int]) -> set[str]:
        """See the port."""
        await self._look([product.product_id for product in products])
        self._products.update({product.product_id: product for product in products})
        made = self._products.keys() & {product.product_id for product in products}
        made = {each for each in made if each not in self._shards and each not in self._new}
        self._new.update({product_id: start[product_id] for product_id in made})
        return made

    async def lock_stock(self, product_ids: Collection[str]) -> dict[str, int]:
        """See the port. Nothing is locked: what is taken must still be there at the end."""
        await self._look(product_ids)
        found = {p: self._new[p] if p in self._new else sum(self._shards[p]) for p in product_ids if self._exists(p)}
        return {p: units + self._moved[p].on_hand if p in self._moved else units for p, units in found.items()}

    async def move_stock(self, movements: Sequence[Movement]) -> None:
        """See the port. RuntimeError may come at the end of the unit."""
        await self._look([movement.product_id for movement in movements])
        for movement in movements:
            if not self._exists(movement.product_id):
                raise RuntimeError(f"a stock movement of {movement.product_id} was impossible")
            self._moved[movement.product_id] = plus(self._moved.get(movement.product_id), movement)

    async def known_orders(self, order_ids: Collection[str]) -> set[str]:
        """See the port. A wide reservation that was left half made is undone first, and not known."""
        await self._read_heads(order_ids)
        return {each for each in order_ids if each in self._kept or self._heads[each] is not None}

    async def keep(self, reservations: Sequence[Reservation], taken: Mapping[str, int]) -> set[str]:
        """See the port. Raises CollisionError where a rejection can't be made sure of."""
        known = await self.known_orders([reservation.order_id for reservation in reservations])
        fresh = [reservation for reservation in reservations if reservation.order_id not in known]
        await self._make_sure({item.product_id for each in fresh for item in each.short_items})
        self._kept.update({reservation.order_id: reservation for reservation in fresh})
        await self.move_stock([Movement(product_id, sold=units) for product_id, units in taken.items()])
        return {reservation.order_id for reservation in fresh}

    async def lock_reservations(self, order_ids: Collection[str]) -> dict[str, Reservation]:
        """See the port. Nothing is locked: they must be unchanged at the end. What was left half done of a wide one is
        finished or undone first."""
        await self._read_heads(order_ids)
        for order_id in order_ids:
            head = self._heads[order_id]
            if head is not None and order_id not in self._before:
                wide = "chunks" in head
                self._before[order_id] = await self._wide.load(head) if wide else reservation_of(head)
        now = {**self._before, **self._kept, **self._changed}
        return {order_id: now[order_id] for order_id in order_ids if order_id in now}

    async def change_reservations(self, reservations: Sequence[Reservation]) -> None:
        """See the port."""
        await self.lock_reservations([reservation.order_id for reservation in reservations])
        for reservation in reservations:
            staged = self._kept if reservation.order_id in self._kept else self._changed
            staged[reservation.order_id] = reservation

    async def note_returns(self, returns: Mapping[str, str]) -> set[str]:
        """See the port."""
        keys = {return_id: return_key(return_id) for return_id in returns}
        noted = await self.tables.get_many(RESERVATIONS, keys.values())
        fresh = {each for each in returns if keys[each] not in noted and each not in self._notes}
        self._notes.update({return_id: returns[return_id] for return_id in fresh})
        return fresh

    async def advance_checkpoint(self, checkpoint: Checkpoint) -> None:
        """See the port."""
        self._checkpoint = checkpoint

    async def watch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        self._watched.update(dict.fromkeys(order_ids, True))

    async def unwatch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        self._watched.update(dict.fromkeys(order_ids, False))

    async def commit(self) -> None:
        """See `DynamoUnit`. Raises RuntimeError where stock would fall below zero by what this unit has read."""
        changed = [*self._kept, *self._changed]
        wide = {order_id for order_id in changed if self._is_wide(order_id)}
        moved = dict(self._moved)
        for order_id in wide:
            for movement in self._movements(order_id):
                moved[movement.product_id] = plus(moved.get(movement.product_id), movement, -1)
            await self._commit_wide(order_id)
        others = [write for product_id in self._products for write in self._product_writes(product_id, moved)]
        others += [return_write(each, order_id) for each, order_id in self._notes.items() if order_id not in wide]
        published = [stored for subject, stored in self.published if subject not in wide]
        others += [*outbox_writes(self.events, published, self.dice), *self.heard()]
        reservations = [write for each in changed if each not in wide for write in self._reservation_writes(each)]
        await self._commit_narrow(reservations, others, [each for each in moved.values() if each.changes_stock])
        await self._commit_watched()

    # --- reading

    def _exists(self, product_id: str) -> bool:
        return product_id in self._shards or product_id in self._new

    async def _look(self, product_ids: Iterable[str]) -> None:
        missing = set(product_ids) - self._looked
        if missing:
            self._shards.update(await self._stock.read(missing))
            self._looked |= missing

    async def _read_heads(self, order_ids: Iterable[str]) -> None:
        missing = {order_id: order_key(order_id) for order_id in order_ids if order_id not in self._heads}
        if missing:
            rows = await self.tables.get_many(RESERVATIONS, missing.values())
            for order_id, key in missing.items():
                head = rows.get(key)
                self._heads[order_id] = None if head is None else await self._wide.settle(head)

    async def _make_sure(self, short: Collection[str]) -> None:
        """A product is short by one reading of all its shards. What stands in one shard was read so already."""
        await self._look(short)
        spread = {product_id for product_id in short if len(self._shards.get(product_id, ())) > 1}
        for product_id, shards in (await self._stock.snapshot(spread)).items():
            if sum(shards) > sum(self._shards[product_id]):
                raise CollisionError

    # --- writing

    def _product_writes(self, product_id: str, moved: dict[str, Movement]) -> list[Write]:
        row = product_row(self._products[product_id])
        if product_id not in self._new:
            return [put(PRODUCTS, row)]
        # What was moved since goes into the new shard: a transaction writes an item once.
        shard, movement = shard_row(product_id, 0, self._new[product_id]), moved.pop(product_id, Movement(product_id))
        shard["onHand"] += movement.on_hand
        for counter in ("corrected", "sold", "returned"):
            shard[counter] += getattr(movement, counter)
        if shard["onHand"] < 0:
            raise RuntimeError(f"a stock movement of {product_id} was impossible")
        return [insert(PRODUCTS, row), insert(PRODUCTS, shard)]

    def _reservation_writes(self, order_id: str) -> list[Write]:
        kept = self._kept.get(order_id)
        if kept is not None:
            return [insert(RESERVATIONS, reservation_row(kept, self.clock.now()))]
        now, head = self._changed[order_id], self._heads[order_id]
        if head is None or now == self._before[order_id]:
            return []
        place, key = order_key(order_id)
        sets = {"state": now.state, "units": now.held_units, "returned": dict(now.returned)}
        write = update(
            RESERVATIONS,
            {"bucket": place, "id": key},
            sets={**sets, "version": head["version"] + 1},
            removes=[] if now.state is ReservationState.HELD else ["heldSince"],
            when=[("version", "=", head["version"])],
        )
        return [write]

    def _movements(self, order_id: str) -> list[Movement]:
        """What this unit does to the ledger for an order."""
        if order_id in self._kept:
            return list(booked(self._kept[order_id]).values())
        movements = booked(self._changed[order_id])
        for product_id, movement in booked(self._before[order_id]).items():
            movements[product_id] = plus(movements.get(product_id), movement, -1)
        return list(movements.values())

    def _is_wide(self, order_id: str) -> bool:
        kept = self._kept.get(order_id)
        if kept is not None:
            return kept.state is ReservationState.HELD and len(kept.wanted) > WIDE_ABOVE
        head = self._heads[order_id]
        return head is not None and "chunks" in head

    async def _commit_wide(self, order_id: str) -> None:
        published = [stored for subject, stored in self.published if subject == order_id]
        final = outbox_writes(self.events, published, self.dice)
        notes = [return_id for return_id, noted_for in self._notes.items() if noted_for == order_id]
        noted = [return_write(return_id, order_id) for return_id in notes]
        if order_id in self._kept:
            await self._wide.keep(self._kept[order_id], [*noted, *final])
            return
        before, now, head = self._before[order_id], self._changed[order_id], self._heads[order_id]
        if head is None or now == before:
            await self.tables.transact([*noted, *final])
        elif now.state is before.state:
            await self._wide.restock(head, now.returned, notes, final)
        elif now.returned == before.returned and not notes:
            await self._wide.release(head, final)
        else:
            raise RequestRefusedError(f"{order_id} is too wide to be restocked and released in one unit")

    async def _commit_narrow(
        self, reservations: Sequence[Write], others: Sequence[Write], moved: Sequence[Movement]
    ) -> None:
        """One transaction. An order that alone is too much for it, for it must borrow from many shards, is wide."""
        await self._look([movement.product_id for movement in moved])
        fixed = [*reservations, *others]
        narrow = False
        stock = self._plan(moved, narrow=narrow)
        if len(fixed) + len(stock) > TRANSACTION_ITEMS:
            if len(reservations) == len(self._kept) == 1:
                await self._wide.keep(next(iter(self._kept.values())), others)
                return
            narrow = True
            stock = self._plan(moved, narrow=narrow)
        for turn in range(SHARD_TRIES):
            try:
                await self.tables.transact([*fixed, *(each.write for each in stock)])
            except (TransactionCancelledError, CollisionError) as error:
                # Where nothing but shards is to blame, it is tried again with others: what was decided stays true as
                # long as the stock is there.
                blamed = [number for number, reason in enumerate(error.reasons) if reason != "None"]
                corrects = any(movement.corrected for movement in moved)
                if not blamed or corrects or turn == SHARD_TRIES - 1 or blamed[0] < len(fixed):
                    raise
                await asyncio.sleep(self.dice.uniform(0.0, SHARD_PAUSE_S * turn))
                stock = await self._other_shards(moved, [stock[n - len(fixed)] for n in blamed], narrow)
                if len(fixed) + len(stock) > TRANSACTION_ITEMS:
                    raise
            else:
                return

    async def _other_shards(
        self, moved: Sequence[Movement], blamed: Sequence[StockWrite], narrow: bool
    ) -> list[StockWrite]:
        self._shards.update(await self._stock.read({each.product_id for each in blamed}))
        avoid: dict[str, set[int]] = {}
        for each in blamed:
            avoid.setdefault(each.product_id, set()).add(each.shard)
        try:
            return self._plan(moved, narrow=narrow, avoid=avoid)
        except RuntimeError as error:
            raise CollisionError from error  # there is less than there was: the unit must decide anew

    def _plan(
        self,
        moved: Sequence[Movement],
        *,
        narrow: bool,
        avoid: Mapping[str, Collection[int]] = MappingProxyType({}),
    ) -> list[StockWrite]:
        planned: list[StockWrite] = []
        for movement in moved:
            product_id = movement.product_id
            if product_id not in self._shards:
                raise RuntimeError(f"a stock movement of {product_id} was impossible")
            shards, shunned = self._shards[product_id], avoid.get(product_id, ())
            planned += self._stock.plan(movement, shards, narrow=narrow, avoid=shunned)
        return planned

    async def _commit_watched(self) -> None:
        rows = [{"bucket": WATCHED, "id": order_id} for order_id, watched in self._watched.items() if watched]
        await self.tables.put_all(RESERVATIONS, rows)
        gone = [(WATCHED, order_id) for order_id, watched in self._watched.items() if not watched]
        await self.tables.delete_all(RESERVATIONS, gone)
        if self._checkpoint is not None:
            await self._advance(age_key(self._checkpoint))

    async def _advance(self, place: str) -> None:
        bucket, key = CHECKPOINT_KEY
        keys = {"bucket": bucket, "id": key}
        while True:
            stored = await self.tables.get(RESERVATIONS, *CHECKPOINT_KEY)
            if stored is not None and stored["place"] >= place:
                return
            was: Condition = ("place", "absent", None) if stored is None else ("place", "=", stored["place"])
            try:
                await self.tables.write(update(RESERVATIONS, keys, sets={"place": place}, when=[was]))
            except ConditionFailedError:  # another has moved it on: what this unit did before stays done
                continue
            return
