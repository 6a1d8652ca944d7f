"""The orders store in memory, for unit tests and the simulation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_contracts.order_books import OrderBook, OrderState
from souk_contracts.order_status import OPEN, OrderStatus
from souk_contracts.orders import OrderDetails, OrderSummary
from souk_orders.domain import Draft, Head, Line, Move, Order, Placed, ReturnNote, new_order
from souk_orders.facts import details_of
from souk_orders.ports import ALL, Overdue, Progress
from souk_orders.storage.placing import place_in_unit


@dataclass(frozen=True, slots=True)
class _Row:
    order: Order
    draft: Draft
    returned_minor: int = 0
    looked_at: datetime | None = None

    @property
    def status(self) -> OrderStatus:
        return self.order.head.status


class MemoryOrdersUnit(MemoryUnit):
    """See `souk_orders.ports.OrdersUnit`."""

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port."""
        return [self._place(draft) for draft in drafts]

    def _place(self, draft: Draft) -> Placed:
        known = self.get("order_keys", draft.key) if draft.key else None
        row: _Row | None = self.get("orders", known[0] if known else draft.order_id)
        if row is not None:
            return row.draft.placed(fresh=False)
        self.put("orders", draft.order_id, _Row(new_order(draft), draft))
        if draft.key:
            self.put("order_keys", draft.key, (draft.order_id, draft.created_at))
        return draft.placed()

    async def lock(self, order_ids: Collection[str], states: Collection[OrderStatus] = ALL) -> Mapping[str, Head]:
        """See the port. Units of work run one at a time: there is nothing to lock."""
        rows: list[_Row | None] = [self.get("orders", order_id) for order_id in order_ids]
        return {row.draft.order_id: row.order.head for row in rows if row is not None and row.status in states}

    async def known(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        return {order_id for order_id in order_ids if self.get("orders", order_id) is not None}

    async def move(self, moves: Sequence[Move]) -> None:
        """See the port."""
        for move in moves:
            row: _Row = self.get("orders", move.order_id)
            moved = row.order._replace(
                head=row.order.head._replace(status=move.to.status),
                history=(*row.order.history, *move.steps),
                updated_at=move.to.at,
                short_items=move.short_items or row.order.short_items,
            )
            self.put("orders", move.order_id, replace(row, order=moved))

    async def lines(self, order_ids: Collection[str]) -> Mapping[str, Sequence[Line]]:
        """See the port."""
        rows: list[_Row | None] = [self.get("orders", order_id) for order_id in order_ids]
        return {row.draft.order_id: row.order.lines for row in rows if row is not None}

    async def record_return(self, order_id: str, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
        """See the port."""
        row: _Row = self.get("orders", order_id)
        lines = tuple(
            line._replace(returned=line.returned + by_line.get(number, 0))
            for number, line in enumerate(row.order.lines)
        )
        order = row.order._replace(lines=lines, updated_at=at)
        self.put("orders", order_id, replace(row, order=order, returned_minor=row.returned_minor + refund_minor))

    async def note_return(self, note: ReturnNote) -> None:
        """See the port."""
        self.put("order_returns", (note.order_id, note.key or note.return_id), note)

    async def find_return(self, order_id: str, key: str) -> ReturnNote | None:
        """See the port."""
        note: ReturnNote | None = self.get("order_returns", (order_id, key))
        return note

    async def overdue(self, before: datetime, now: datetime, limit: int) -> Sequence[Overdue]:
        """See the port."""
        rows: list[_Row] = [
            row
            for _, row in sorted(self.tables["orders"].items())
            if row.status in OPEN and max(row.order.updated_at, row.looked_at or row.order.updated_at) < before
        ][:limit]
        for row in rows:
            self.put("orders", row.draft.order_id, replace(row, looked_at=now))
        return [Overdue(row.order.head, row.draft.payment_method, row.order.lines) for row in rows]


class MemoryOrderStore(MemoryDatabase[MemoryOrdersUnit]):
    """See `souk_orders.ports.OrderStore`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("orders", clock, MemoryOrdersUnit)

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port."""
        return await place_in_unit(self, drafts)

    def _row(self, order_id: str) -> _Row | None:
        return self.tables["orders"].get(order_id)

    def _rows(self) -> list[_Row]:
        return [row for _, row in sorted(self.tables["orders"].items())]

    async def find_placed(self, order_id: str | None, key: tuple[str, str] | None) -> Placed | None:
        """See the port."""
        await self.ping()
        row = self._row(order_id) if order_id is not None else None
        if row is None and key is not None:
            row = self._row(self.tables["order_keys"].get(key, ("",))[0])
        return row.draft.placed(fresh=False) if row else None

    async def details(self, order_id: str) -> tuple[Head, OrderDetails] | None:
        """See the port."""
        await self.ping()
        row = self._row(order_id)
        return (row.order.head, details_of(row.order)) if row else None

    async def progress(self, order_id: str) -> Progress | None:
        """See the port."""
        await self.ping()
        row = self._row(order_id)
        return Progress(row.order.head, row.order.history) if row else None

    async def page(
        self,
        customer_id: str | None,
        status: OrderStatus | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[OrderSummary]:
        """See the port."""
        await self.ping()
        rows = [
            row
            for row in self._rows()
            if (customer_id is None or row.draft.customer_id == customer_id)
            and (status is None or row.status == status)
            and (before is None or (row.draft.created_at, row.draft.order_id) < before)
        ]
        rows.sort(key=lambda row: (row.draft.created_at, row.draft.order_id), reverse=True)
        return [
            OrderSummary(
                order_id=row.draft.order_id,
                customer_id=row.draft.customer_id,
                status=row.status,
                total=Money(row.draft.total_minor),
                currency=row.draft.currency,
                created_at=row.draft.created_at,
            )
            for row in rows[:limit]
        ]

    async def states(self, order_ids: Sequence[str]) -> Sequence[OrderState]:
        """See the port."""
        await self.ping()
        rows = [(order_id, self._row(order_id)) for order_id in order_ids]
        return [OrderState(order_id=order_id, status=row.status) for order_id, row in rows if row is not None]

    async def books(self, after: str, limit: int, now: datetime) -> Sequence[OrderBook]:
        """See the port."""
        await self.ping()
        return [
            OrderBook(
                order_id=row.draft.order_id,
                status=row.status,
                total_minor=row.draft.total_minor,
                returned_minor=row.returned_minor,
                units=sum(line.quantity for line in row.order.lines),
                returned_units=sum(line.returned for line in row.order.lines),
                age_s=(now - row.draft.created_at).total_seconds(),
                idle_s=(now - row.order.updated_at).total_seconds(),
            )
            for row in self._rows()
            if row.draft.order_id > after
        ][:limit]

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See the port."""
        await self.ping()
        keys = self.tables["order_keys"]
        old = [key for key, (_, created_at) in keys.items() if created_at < before][:limit]
        for key in old:
            del keys[key]
        return len(old)

    async def count_open(self, at_most: int) -> int:
        """See the port."""
        await self.ping()
        return min(at_most, sum(row.status in OPEN for row in self._rows()))
