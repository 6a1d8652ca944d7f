"""Reservations wider than a transaction: taken chunk by chunk under a head, which says what is under way, and undone as
one where it can't be finished.

| state of the head | what is under way | who finds it left behind |
|---|---|---|
| RESERVING | chunks take their stock | undoes it: the order is as if it had never come |
| UNDOING | chunks give it back | goes on |
| RELEASING | chunks give back what they still hold | goes on, to RELEASED |
| RESTOCKING | chunks take back what was returned | goes on, to HELD |

Each step is one transaction of a chunk, its stock, and the head, whose token must still be that of whoever makes it: so
whoever takes over stops whoever was there before. The head counts the units that its chunks hold at that moment.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.errors import CONDITION, TransactionCancelledError
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, delete, insert, put, update
from souk_products.domain import Movement, Reservation, ReservationState
from souk_products.storage.dynamodb_rows import chunks_of, only, order_key, reservation_of, reservation_row, return_key
from souk_products.storage.dynamodb_stock import Stock
from souk_products.tables import RESERVATIONS

LEASE = timedelta(seconds=10)
"""How long a head is left alone by others after its last step, which takes at most a client's patience."""
CHUNK_TRIES = 8
"""How often a chunk is tried that collides with other writers, before the whole is undone."""
CHUNK_PAUSE_S = 0.02
"""The most that is waited between two tries of a chunk."""

_PLAN = "plan"
_UNDER_WAY = frozenset({"RESERVING", "UNDOING", "RELEASING", "RESTOCKING"})


@dataclass(frozen=True, slots=True)
class _Grip:
    """Whoever works on a reservation, by the token that the head has."""

    order_id: str
    token: str

    @property
    def key(self) -> Row:
        place, key = order_key(self.order_id)
        return {"bucket": place, "id": key}


@dataclass(slots=True)
class WideReservations:
    """Keeps, releases and restocks reservations in chunks. Raises CollisionError where another writer came in
    between: what was done is undone then, or will be by the next who looks."""

    tables: Tables
    stock: Stock
    clock: Clock
    dice: random.Random

    async def load(self, head: Row) -> Reservation:
        """The reservation of a head, whole."""
        return reservation_of(head, await self._chunks(head["id"]))

    async def keep(self, reservation: Reservation, final: Sequence[Write]) -> None:
        """Take the stock of all items and write `final` with the last step, or keep nothing."""
        grip = _Grip(reservation.order_id, uuid7())
        head = reservation_row(replace(reservation, wanted={}), self.clock.now())
        head |= {"state": "RESERVING", "units": 0, "chunks": 0, "token": grip.token, "until": self._until()}
        await self.tables.write(insert(RESERVATIONS, head))
        lines = list(reservation.wanted.items())
        try:
            number = 0
            while lines:
                lines = lines[await self._take(grip, number, lines) :]
                number += 1
            await self._end(grip, ReservationState.HELD, final)
        except (SoukError, RuntimeError) as error:
            # Where another holds the head by now this fails, and the rest is his to undo.
            await self._undo(await self._grab(grip, "UNDOING"))
            if isinstance(error, SoukError):
                raise
            raise CollisionError from error  # there is less stock than there was: who looks again decides

    async def release(self, head: Row, final: Sequence[Write]) -> None:
        """Give back what is still held."""
        grip = await self._begin(head, "RELEASING")
        await self._release(grip)
        await self._end(grip, ReservationState.RELEASED, final, removes=["heldSince"])

    async def restock(
        self, head: Row, returned: Mapping[str, int], return_ids: Sequence[str], final: Sequence[Write]
    ) -> None:
        """Take back: `returned` is by product what has come back in all, `return_ids` are noted with the last step."""
        plan = {"bucket": chunks_of(head["id"]), "id": _PLAN, "returned": dict(returned), "notes": list(return_ids)}
        grip = await self._begin(head, "RESTOCKING", [put(RESERVATIONS, plan)])
        await self._restock(grip, final)

    async def settle(self, head: Row) -> Row | None:
        """What a head is when nothing is under way: finishes or undoes what was left behind.

        Raises SoukError `reservation_under_way` while somebody may still be at it.
        """
        if head["state"] not in _UNDER_WAY:
            return head
        if datetime.fromisoformat(head["until"]) > self.clock.now():
            detail = f"The reservation of {head['id']} is being made."
            raise unavailable("reservation_under_way", detail, retry_after_s=LEASE.total_seconds())
        left = _Grip(head["id"], head["token"])
        if head["state"] in {"RESERVING", "UNDOING"}:
            await self._undo(await self._grab(left, "UNDOING"))
            return None
        grip = await self._grab(left, head["state"])
        if head["state"] == "RELEASING":
            await self._release(grip)
            await self._end(grip, ReservationState.RELEASED, (), removes=["heldSince"])
        else:
            await self._restock(grip, ())
        return await self.tables.get(RESERVATIONS, *order_key(head["id"]))

    # --- the steps

    async def _begin(self, head: Row, state: str, more: Sequence[Write] = ()) -> _Grip:
        grip = _Grip(head["id"], uuid7())
        sets = {"state": state, "token": grip.token, "until": self._until()}
        begin = update(RESERVATIONS, grip.key, sets=sets, when=[("version", "=", head["version"]), _free(head)])
        await self.tables.transact([begin, *more])
        return grip

    async def _grab(self, left: _Grip, state: str) -> _Grip:
        """Take over from whoever had the head."""
        grip = replace(left, token=uuid7())
        sets = {"state": state, "token": grip.token, "until": self._until()}
        await self.tables.write(update(RESERVATIONS, grip.key, sets=sets, when=[("token", "=", left.token)]))
        return grip

    async def _end(
        self, grip: _Grip, state: ReservationState, final: Sequence[Write], removes: Sequence[str] = ()
    ) -> None:
        head = update(
            RESERVATIONS,
            grip.key,
            sets={"state": state},
            adds={"version": 1},
            removes=["token", "until", *removes],
            when=[("token", "=", grip.token)],
        )
        await self.tables.transact([head, *final])

    async def _take(self, grip: _Grip, number: int, lines: Sequence[tuple[str, int]]) -> int:
        """Take the next chunk. Returns how many lines went into it."""
        for turn in range(CHUNK_TRIES):
            ahead = dict(lines[: TRANSACTION_ITEMS - 2])
            shards = await self.stock.read(ahead)
            writes: list[Write] = []
            wanted: dict[str, int] = {}
            for product_id, units in ahead.items():
                if product_id not in shards:
                    raise RuntimeError(f"there is no product {product_id}")
                planned = self.stock.plan(Movement(product_id, sold=units), shards[product_id])
                if len(writes) + len(planned) > TRANSACTION_ITEMS - 2:
                    break
                writes += [each.write for each in planned]
                wanted[product_id] = units
            chunk = {"bucket": chunks_of(grip.order_id), "id": f"{number:04}", "wanted": wanted}
            if await self._try(grip, insert(RESERVATIONS, chunk), sum(wanted.values()), writes, turn):
                return len(wanted)
        raise CollisionError

    async def _give(self, grip: _Grip, chunk: Write, movements: Sequence[Movement]) -> None:
        """Give a chunk's stock back: it never falls short, so it is tried until it succeeds or DynamoDB gives up."""
        shards = await self.stock.read([movement.product_id for movement in movements])
        for turn in range(CHUNK_TRIES):
            planned = [self.stock.plan(each, shards[each.product_id], narrow=True) for each in movements]
            writes = [each.write for parts in planned for each in parts]
            if await self._try(grip, chunk, -sum(each.on_hand for each in movements), writes, turn):
                return
        raise CollisionError

    async def _try(self, grip: _Grip, chunk: Write, units: int, stock: Sequence[Write], turn: int) -> bool:
        """One step. False where it may succeed when planned anew. Raises CollisionError where the head is lost."""
        head = update(
            RESERVATIONS,
            grip.key,
            sets={"until": self._until()},
            adds={"units": units, "chunks": 1},
            when=[("token", "=", grip.token)],
        )
        try:
            await self.tables.transact([head, chunk, *stock])
        except TransactionCancelledError as error:
            if CONDITION in error.reasons[:2]:
                raise CollisionError from error
        except SoukError as error:
            if not isinstance(error, CollisionError):
                raise
        else:
            return True
        await asyncio.sleep(self.dice.uniform(0.0, CHUNK_PAUSE_S * (turn + 1) / CHUNK_TRIES))
        return False

    async def _undo(self, grip: _Grip) -> None:
        for chunk in await self._chunks(grip.order_id):
            key = {"bucket": chunk["bucket"], "id": chunk["id"]}
            gone = [Movement(product_id, sold=-units) for product_id, units in chunk["wanted"].items()]
            await self._give(grip, delete(RESERVATIONS, key), gone)
        await self.tables.write(delete(RESERVATIONS, grip.key, [("token", "=", grip.token)]))

    async def _release(self, grip: _Grip) -> None:
        for chunk in await self._chunks(grip.order_id):
            if not chunk.get("released"):
                key = {"bucket": chunk["bucket"], "id": chunk["id"]}
                back = chunk.get("returned", {})
                held = {product_id: units - back.get(product_id, 0) for product_id, units in chunk["wanted"].items()}
                gone = [Movement(product_id, sold=-units) for product_id, units in held.items() if units]
                await self._give(grip, update(RESERVATIONS, key, sets={"released": True}), gone)

    async def _restock(self, grip: _Grip, final: Sequence[Write]) -> None:
        plan_key = (chunks_of(grip.order_id), _PLAN)
        plan = await self.tables.get(RESERVATIONS, *plan_key)
        if plan is None:
            raise CollisionError
        for chunk in await self._chunks(grip.order_id):
            had, has = chunk.get("returned", {}), only(plan["returned"], chunk["wanted"])
            back = [Movement(p, returned=units - had.get(p, 0)) for p, units in has.items() if units != had.get(p, 0)]
            if back:
                key = {"bucket": chunk["bucket"], "id": chunk["id"]}
                await self._give(grip, update(RESERVATIONS, key, sets={"returned": has}), back)
        notes = [return_write(return_id, grip.order_id) for return_id in plan["notes"]]
        done = delete(RESERVATIONS, dict(zip(RESERVATIONS.keys, plan_key, strict=True)))
        await self._end(grip, ReservationState.HELD, [done, *notes, *final])

    async def _chunks(self, order_id: str) -> list[Row]:
        return [row for row in await self.tables.query(RESERVATIONS, chunks_of(order_id)) if row["id"] != _PLAN]

    def _until(self) -> str:
        return (self.clock.now() + LEASE).isoformat(timespec="microseconds")


def return_write(return_id: str, order_id: str) -> Write:
    """Keeps that a return was restocked. The transaction fails where it was before."""
    place, key = return_key(return_id)
    return insert(RESERVATIONS, {"bucket": place, "id": key, "orderId": order_id})


def _free(head: Row) -> tuple[str, str, object]:
    """The head is as it was read: nobody has begun anything since."""
    return ("state", "=", head["state"])
