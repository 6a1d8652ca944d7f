"""What the orders service needs of a store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from souk_chassis.storage.ports import Store, Unit
from souk_contracts.order_books import OrderBook, OrderState
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import OrderDetails, OrderSummary
from souk_orders.domain import Draft, Head, Line, Move, Placed, ReturnNote, Step

ALL = frozenset(OrderStatus)
"""Every state."""


class Overdue(msgspec.Struct, frozen=True):
    """An order that should have ended by now, with what its first event said."""

    head: Head
    payment_method: str
    lines: tuple[Line, ...]


class Progress(msgspec.Struct, frozen=True):
    """Whose order it is, and its history so far."""

    head: Head
    history: tuple[Step, ...]


class OrdersUnit(Unit, Protocol):
    """Writes of one unit of work."""

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """Store what is new. For a repeated id or key, what was stored first. In the order of the drafts."""

    async def lock(self, order_ids: Collection[str], states: Collection[OrderStatus] = ALL) -> Mapping[str, Head]:
        """Those of these orders that are in one of `states`, locked until the unit ends."""

    async def known(self, order_ids: Collection[str]) -> set[str]:
        """Those of these orders that exist, in whatever state."""

    async def move(self, moves: Sequence[Move]) -> None:
        """Write the orders' new states and their history. The orders are locked."""

    async def lines(self, order_ids: Collection[str]) -> Mapping[str, Sequence[Line]]:
        """The lines of those of these orders that exist, in their sequence."""

    async def record_return(self, order_id: str, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
        """Write what came back. The order is locked."""

    async def note_return(self, note: ReturnNote) -> None:
        """Keep what a return was answered with."""

    async def find_return(self, order_id: str, key: str) -> ReturnNote | None:
        """The return of that order with that idempotency key."""

    async def overdue(self, before: datetime, now: datetime, limit: int) -> Sequence[Overdue]:
        """Open orders that have not moved since `before`, marked as looked at `now`."""


class OrderStore(Store[OrdersUnit], Protocol):
    """Placing, which is a unit of work of its own, and reads."""

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """Store what is new, each with its OrderCreated. Answers as `OrdersUnit.place`.

        All of it in one unit of work; in DynamoDB, which has no room for many, each order in one.
        """

    async def find_placed(self, order_id: str | None, key: tuple[str, str] | None) -> Placed | None:
        """The order of that id or key, if there is one."""

    async def details(self, order_id: str) -> tuple[Head, OrderDetails] | None:
        """An order, whole."""

    async def progress(self, order_id: str) -> Progress | None:
        """An order's history."""

    async def page(
        self,
        customer_id: str | None,
        status: OrderStatus | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[OrderSummary]:
        """Orders, newest first, older than `before`."""

    async def states(self, order_ids: Sequence[str]) -> Sequence[OrderState]:
        """The states of those that exist."""

    async def books(self, after: str, limit: int, now: datetime) -> Sequence[OrderBook]:
        """The orders' books by id, from `after` on."""

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """Forget idempotency keys that were first used before that time, up to `limit`. Returns how many."""

    async def count_open(self, at_most: int) -> int:
        """How many orders are open; counting ends at `at_most`."""
