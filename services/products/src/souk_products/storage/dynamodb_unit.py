"""A unit of work of the products service on DynamoDB: what it has read, what it will write, and in which transactions.

What belongs to one order, its reservation, its stock and its event, is in one transaction, always. A unit of many
orders is one transaction while it fits, else several: where one fails, those before it are kept and a repeat of the
unit passes over them. What says that something is done, an event that was had, the reconciler's place, comes last.
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
from souk_products.storage.dynamodb_pieces import Piece, StockWrite, booked, changes_stock, packed, plus, summed
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
from souk_products.storage.dynamodb_stock import Shards, Stock
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
        self._read_again = False
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
        pieces, wide = self._pieces()
        await self._look({product_id for piece in pieces for product_id in piece.movements})
        for order_id, piece in wide.items():
            await self._commit_wide(order_id, piece)
        for batch in packed(pieces):
            await self._commit(batch)
        rows = [{"bucket": WATCHED, "id": order_id} for order_id, watched in self._watched.items() if watched]
        await self.tables.put_all(RESERVATIONS, rows)
        gone = [(WATCHED, order_id) for order_id, watched in self._watched.items() if not watched]
        await self.tables.delete_all(RESERVATIONS, gone)
        if self._checkpoint is not None:
            await self._advance(age_key(self._checkpoint))

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

    def _pieces(self) -> tuple[list[Piece], dict[str, Piece]]:
        """What must be kept together, and apart from it what is wide, by order."""
        left = dict(self._moved)
        products = [self._product_piece(product_id, left) for product_id in self._products]
        orders = {order_id: self._order_piece(order_id) for order_id in {**self._kept, **self._changed}}
        for piece in orders.values():
            for product_id, movement in piece.movements.items():
                left[product_id] = plus(left.get(product_id), movement, -1)
        wide = {order_id: piece for order_id, piece in orders.items() if self._is_wide(order_id)}
        others = [
            Piece(movements={product_id: movement}) for product_id, movement in left.items() if changes_stock(movement)
        ]
        for subject, stored in self.published:
            if subject in orders:
                orders[subject].events.append(stored)
            else:
                others.append(Piece(events=[stored]))
        for return_id, order_id in self._notes.items():
            if order_id not in orders:
                others.append(Piece([return_write(return_id, order_id)]))
            elif order_id not in wide:
                orders[order_id].writes.append(return_write(return_id, order_id))
        narrow = [piece for order_id, piece in orders.items() if order_id not in wide]
        heard = [Piece([write]) for write in self.heard()]
        return [*products, *narrow, *others, *heard], wide

    def _product_piece(self, product_id: str, left: dict[str, Movement]) -> Piece:
        row = product_row(self._products[product_id])
        if product_id not in self._new:
            return Piece([put(PRODUCTS, row)])
        # What was moved since goes into the new shard: a transaction writes an item once.
        shard, movement = shard_row(product_id, 0, self._new[product_id]), left.pop(product_id, Movement(product_id))
        shard["onHand"] += movement.on_hand
        for counter in ("corrected", "sold", "returned"):
            shard[counter] += getattr(movement, counter)
        if shard["onHand"] < 0:
            raise RuntimeError(f"a stock movement of {product_id} was impossible")
        return Piece([insert(PRODUCTS, row), insert(PRODUCTS, shard)])

    def _order_piece(self, order_id: str) -> Piece:
        kept, now = self._kept.get(order_id), self._changed.get(order_id)
        if kept is not None:
            row = reservation_row(kept, self.clock.now())
            return Piece([insert(RESERVATIONS, row)], booked(kept), kept=kept)
        before, head = self._before[order_id], self._heads[order_id]
        if now is None or head is None or now == before:
            return Piece()
        movements = dict(booked(now))
        for product_id, movement in booked(before).items():
            movements[product_id] = plus(movements.get(product_id), movement, -1)
        sets = {"state": now.state, "units": now.held_units, "returned": dict(now.returned)}
        place, key = order_key(order_id)
        write = update(
            RESERVATIONS,
            {"bucket": place, "id": key},
            sets={**sets, "version": head["version"] + 1},
            removes=[] if now.state is ReservationState.HELD else ["heldSince"],
            when=[("version", "=", head["version"])],
        )
        return Piece([write], {p: movement for p, movement in movements.items() if changes_stock(movement)})

    def _is_wide(self, order_id: str) -> bool:
        kept = self._kept.get(order_id)
        if kept is not None:
            return kept.state is ReservationState.HELD and len(kept.wanted) > WIDE_ABOVE
        head = self._heads[order_id]
        return head is not None and "chunks" in head

    async def _commit_wide(self, order_id: str, piece: Piece) -> None:
        final = outbox_writes(self.events, piece.events, self.dice)
        notes = [return_id for return_id, noted_for in self._notes.items() if noted_for == order_id]
        noted = [return_write(return_id, order_id) for return_id in notes]
        if piece.kept is not None:
            await self._wide.keep(piece.kept, [*noted, *final])
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

    async def _commit(self, batch: Sequence[Piece]) -> None:
        """One transaction; more where stock must be borrowed from so many shards that it does not fit."""
        events = outbox_writes(self.events, [event for piece in batch for event in piece.events], self.dice)
        fixed = [*(write for piece in batch for write in piece.writes), *events]
        moved = summed(batch)
        try:
            stock = self._plan(moved, narrow=False)
        except RuntimeError as error:
            if self._read_again:
                raise CollisionError from error  # what was decided was so by an older reading
            raise
        if len(fixed) + len(stock) <= TRANSACTION_ITEMS:
            await self._transact(fixed, moved, stock, narrow=False)
        elif len(batch) > 1:
            await self._commit(batch[: len(batch) // 2])
            await self._commit(batch[len(batch) // 2 :])
        elif batch[0].kept is not None:
            await self._wide.keep(batch[0].kept, fixed[1:])  # which writes the reservation itself
        else:
            await self._transact(fixed, moved, self._plan(moved, narrow=True), narrow=True)

    async def _transact(
        self, fixed: Sequence[Write], moved: Mapping[str, Movement], stock: Sequence[StockWrite], *, narrow: bool
    ) -> None:
        """One transaction. Where nothing but shards is to blame, it is tried again with others: what was decided
        stays true as long as the stock is there."""
        for turn in range(SHARD_TRIES):
            try:
                await self.tables.transact([*fixed, *(each.write for each in stock)])
                break
            except (TransactionCancelledError, CollisionError) as error:
                blamed = [number for number, reason in enumerate(error.reasons) if reason != "None"]
                corrects = any(movement.corrected for movement in moved.values())
                if not blamed or corrects or turn == SHARD_TRIES - 1 or blamed[0] < len(fixed):
                    raise
                await asyncio.sleep(self.dice.uniform(0.0, SHARD_PAUSE_S * turn))
                stock = await self._other_shards(moved, [stock[n - len(fixed)] for n in blamed], narrow)
                if len(fixed) + len(stock) > TRANSACTION_ITEMS:
                    raise
        for each in stock:
            self._shards[each.product_id][each.shard] += each.change

    async def _other_shards(
        self, moved: Mapping[str, Movement], blamed: Sequence[StockWrite], narrow: bool
    ) -> list[StockWrite]:
        self._shards.update(await self._stock.read({each.product_id for each in blamed}))
        self._read_again = True
        avoid: dict[str, set[int]] = {}
        for each in blamed:
            avoid.setdefault(each.product_id, set()).add(each.shard)
        try:
            return self._plan(moved, narrow=narrow, avoid=avoid)
        except RuntimeError as error:
            raise CollisionError from error  # there is less than there was: the unit must decide anew

    def _plan(
        self,
        moved: Mapping[str, Movement],
        *,
        narrow: bool,
        avoid: Mapping[str, Collection[int]] = MappingProxyType({}),
    ) -> list[StockWrite]:
        planned = []
        for product_id, movement in moved.items():
            if product_id not in self._shards:
                raise RuntimeError(f"a stock movement of {product_id} was impossible")
            shards, shunned = self._shards[product_id], avoid.get(product_id, ())
            for write, shard, change in self._stock.plan(movement, shards, narrow=narrow, avoid=shunned):
                planned.append(StockWrite(write, product_id, shard, change))
        return planned

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
