"""Reserving, cancelling, restocking: against a model, on both stores, and by many at once on PostgreSQL."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from souk_chassis.clock import SystemClock
from souk_chassis.ids import uuid7
from souk_chassis.money import Money
from souk_chassis.storage.opening import open_store
from souk_products.domain import Movement, ReservationState
from souk_products.ports import ProductRecord, ProductsStore, ProductsUnit
from souk_products.stock_movements import cancel, release, reserve, restock
from souk_products.storage.postgres import PostgresProductsStore

HELD, RELEASED = ReservationState.HELD, ReservationState.RELEASED
PRODUCTS = ("a", "b", "c")
START = 6

orders = st.integers(0, 5).map(lambda number: f"o{number}")
items = st.dictionaries(st.sampled_from(PRODUCTS), st.integers(1, 4), min_size=1)
steps = st.one_of(
    st.tuples(st.just("reserve"), st.dictionaries(orders, items, min_size=1, max_size=3)),
    st.tuples(st.just("cancel"), st.lists(orders, min_size=1, max_size=3)),
    st.tuples(st.just("release"), st.lists(orders, min_size=1, max_size=2)),
    st.tuples(st.just("restock"), st.dictionaries(st.integers(0, 4).map(str), st.tuples(orders, items), max_size=2)),
    st.tuples(st.just("correct"), st.dictionaries(st.sampled_from(PRODUCTS), st.integers(-3, 3))),
)


@dataclass
class Model:
    """What stock and reservations must be, written as plainly as can be."""

    stock: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRODUCTS, START))
    states: dict[str, str] = field(default_factory=dict)
    held: dict[str, dict[str, int]] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)

    def reserve(self, batch: dict[str, dict[str, int]]) -> None:
        for order_id, wanted in batch.items():
            if order_id in self.states:
                continue
            if all(self.stock[product_id] >= units for product_id, units in wanted.items()):
                self.states[order_id], self.held[order_id] = "HELD", dict(wanted)
                for product_id, units in wanted.items():
                    self.stock[product_id] -= units
            else:
                self.states[order_id] = "REJECTED"

    def release(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            if self.states.get(order_id) == "HELD":
                self.states[order_id] = "RELEASED"
                for product_id, units in self.held.pop(order_id).items():
                    self.stock[product_id] += units

    def cancel(self, order_ids: list[str]) -> None:
        self.release(order_ids)
        for order_id in order_ids:
            self.states.setdefault(order_id, "CANCELLED")

    def restock(self, returns: dict[str, tuple[str, dict[str, int]]]) -> None:
        for return_id, (order_id, wanted) in returns.items():
            if return_id in self.returned:
                continue
            self.returned.add(return_id)
            held = self.held.get(order_id, {})
            for product_id in wanted.keys() & held.keys():
                units = min(wanted[product_id], held[product_id])
                held[product_id] -= units
                self.stock[product_id] += units

    def correct(self, deltas: dict[str, int]) -> None:
        for product_id, delta in deltas.items():
            self.stock[product_id] += max(delta, -self.stock[product_id])


class Tried:
    """The same steps on a store. Ids get a prefix of their own, so that examples share a database."""

    def __init__(self, store: ProductsStore) -> None:
        self.store = store
        self.prefix = uuid7()[-12:] + "-"

    async def start(self) -> None:
        await make(self.store, {self.prefix + product_id: START for product_id in PRODUCTS})

    async def do(self, action: str, argument: Any) -> None:
        async with self.store.unit() as unit:
            if action == "reserve":
                await reserve(unit, {self.prefix + order: self._units(wanted) for order, wanted in argument.items()})
            elif action == "cancel":
                await cancel(unit, [self.prefix + order for order in argument])
            elif action == "release":
                await release(unit, [self.prefix + order for order in argument])
            elif action == "restock":
                await restock(
                    unit, {self.prefix + r: (self.prefix + o, self._units(w)) for r, (o, w) in argument.items()}
                )
            else:
                on_hand = await unit.lock_stock([self.prefix + product_id for product_id in argument])
                moved = {p: max(delta, -on_hand[self.prefix + p]) for p, delta in argument.items()}
                await unit.move_stock([Movement(self.prefix + p, corrected=delta) for p, delta in moved.items()])

    async def must_equal(self, model: Model) -> None:
        books = [b for b in await self.store.stock_books(self.prefix, 100) if b.product_id.startswith(self.prefix)]
        assert all(b.start + b.corrected - b.sold + b.returned == b.now for b in books)
        assert {book.product_id.removeprefix(self.prefix): book.now for book in books} == model.stock
        kept = [b for b in await self.store.reservation_books(self.prefix, 100) if b.order_id.startswith(self.prefix)]
        assert {book.order_id.removeprefix(self.prefix): (book.state, book.units) for book in kept} == {
            order: (state, sum(model.held.get(order, {}).values())) for order, state in model.states.items()
        }

    def _units(self, wanted: dict[str, int]) -> dict[str, int]:
        return {self.prefix + product_id: units for product_id, units in wanted.items()}


async def make(store: ProductsStore, stock: dict[str, int]) -> None:
    """Make products with this stock."""
    now = store.clock.now()  # type: ignore[attr-defined] # both stores have one
    async with store.unit() as unit:
        await unit.put_products([ProductRecord(key, key, "", Money(1), now) for key in stock], stock)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, max_size=10))
async def test_stock_is_as_the_model_says(store: ProductsStore, history: list[tuple[str, Any]]) -> None:
    model, tried = Model(), Tried(store)
    await tried.start()
    for action, argument in history:
        await tried.do(action, argument)
        getattr(model, action)(argument)
        await tried.must_equal(model)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps.filter(lambda step: step[0] != "correct"), max_size=8))
async def test_every_step_may_come_twice(store: ProductsStore, history: list[tuple[str, Any]]) -> None:
    model, tried = Model(), Tried(store)
    await tried.start()
    for action, argument in history:
        await tried.do(action, argument)
        await tried.do(action, argument)
        getattr(model, action)(argument)
    await tried.must_equal(model)


async def in_unit(store: ProductsStore, work: Callable[[ProductsUnit, Any], Awaitable[Any]], argument: Any) -> Any:
    """Run `work(unit, argument)` in a unit of work of its own."""
    async with store.unit() as unit:
        return await work(unit, argument)


async def postgres(new_database: Any) -> PostgresProductsStore:
    """A store in a database of its own, on the machine's clock."""
    return await open_store(await new_database(), "souk_products", "products", SystemClock(), PostgresProductsStore)


async def test_sixteen_writers_oversell_nothing(new_database: Any) -> None:
    store = await postgres(new_database)
    dice = random.Random(7)
    stock = {f"p{index}": 60 for index in range(6)}
    await make(store, stock)
    batches = []
    for writer in range(16):
        # Every order comes to two writers, and the products of a batch in any sequence.
        ids = [f"o{writer // 2}-{index}" for index in range(12)]
        batches.append({order: {p: dice.randint(1, 3) for p in dice.sample(list(stock), 3)} for order in ids})
    decided = await asyncio.gather(*(in_unit(store, reserve, batch) for batch in batches))
    told = [reservation.order_id for reservations in decided for reservation in reservations]
    held = [each for reservations in decided for each in reservations if each.state is HELD]
    books = await store.stock_books("", 100)
    taken = dict.fromkeys(stock, 0)
    for reservation in held:
        for product_id, units in reservation.held.items():
            taken[product_id] += units
    await store.close()
    assert sorted(told) == sorted({order for batch in batches for order in batch})
    assert {book.product_id: book.now for book in books} == {p: stock[p] - taken[p] for p in stock}
    assert all(book.now >= 0 and book.start - book.sold == book.now for book in books)
    assert 0 < len(held) < len(told)


async def test_a_cancellation_at_the_same_moment_leaves_nothing_held(new_database: Any) -> None:
    store = await postgres(new_database)
    await make(store, {"a": 1000, "b": 1000})
    for turn in range(10):
        ids = [f"o{turn}-{index}" for index in range(20)]
        wanted = {order: {"a": 1, "b": 2} for order in ids}
        # The cancellations come in the opposite order, to meet the reservations midway.
        await asyncio.gather(in_unit(store, reserve, wanted), in_unit(store, cancel, ids[::-1]))
    books = await store.stock_books("", 10)
    states = {book.state for book in await store.reservation_books("", 1000)}
    await store.close()
    assert [(book.sold, book.now) for book in books] == [(0, 1000), (0, 1000)]
    assert states <= {"RELEASED", "CANCELLED"}


async def test_a_reservation_that_another_unit_overtook_takes_nothing(new_database: Any) -> None:
    store = await postgres(new_database)
    await make(store, {"a": 10})
    async with store.unit() as unit:
        known = unit.known_orders

        async def overtaken(order_ids: Any) -> set[str]:
            answer = await known(order_ids)
            async with store.unit() as other:
                await cancel(other, ["o1"])
            return answer

        unit.known_orders = overtaken  # type: ignore[method-assign] # the other unit comes right after the look
        decided = await reserve(unit, {"o1": {"a": 4}, "o2": {"a": 3}})
    [book] = await store.stock_books("", 10)
    reservations = await store.reservation_books("", 10)
    await store.close()
    assert [reservation.order_id for reservation in decided] == ["o2"]
    assert (book.sold, book.now) == (3, 7)
    assert [(each.order_id, each.state) for each in reservations] == [("o1", "CANCELLED"), ("o2", "HELD")]
