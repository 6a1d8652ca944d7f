"""Orders as values: their lines, the table of their states, and what a return may take back. No I/O, no clock."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import TooManyReturned
from souk_contracts.products import ShortItem

S = OrderStatus

NEXT: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING: frozenset({S.RESERVED, S.REJECTED, S.CANCELLED}),
    S.RESERVED: frozenset({S.CONFIRMED, S.CANCELLED}),
    S.CONFIRMED: frozenset({S.SHIPPED, S.CANCELLED, S.RETURNED}),
    S.SHIPPED: frozenset({S.DELIVERED, S.RETURNED}),
    S.DELIVERED: frozenset({S.RETURNED}),
    S.REJECTED: frozenset(),
    S.CANCELLED: frozenset(),
    S.RETURNED: frozenset(),
}
"""The one table of states: which may follow which."""


class IllegalTransitionError(Exception):
    """A step that the table of states does not have."""


def may_become(status: OrderStatus, to: OrderStatus) -> bool:
    """Whether an order in `status` may go on to `to`."""
    return to in NEXT[status]


def steps_to(status: OrderStatus, to: OrderStatus) -> tuple[OrderStatus, ...]:
    """The states that an open order goes through to `to`; none where it can't.

    A payment is asked for on a reservation alone, so its news implies the reservation's, which it can overtake.
    """
    if may_become(status, to):
        return (to,)
    return (S.RESERVED, to) if status is S.PENDING and to is S.CONFIRMED else ()


def check_transition(status: OrderStatus, to: OrderStatus) -> None:
    """Raise IllegalTransitionError where `may_become` is false."""
    if not may_become(status, to):
        raise IllegalTransitionError(f"an order that is {status} can't become {to}")


# What each order passes through is a NamedTuple: as frozen as a dataclass, and made in half the time.
class Line(NamedTuple):
    """A line of an order, with the price agreed for one unit. A product may stand in several lines."""

    product_id: str
    quantity: int
    unit_price_minor: int
    returned: int = 0


class Draft(NamedTuple):
    """An order that is to be placed. `fingerprint` tells whether a repeat asks for the same."""

    order_id: str
    customer_id: str | None
    email: str | None
    lines: tuple[Line, ...]
    total_minor: int
    currency: str
    payment_method: str
    prices_cached: bool
    fingerprint: bytes
    created_at: datetime
    traceparent: str
    key: tuple[str, str] | None = None
    """The scope and the idempotency key."""

    def placed(self, *, fresh: bool = True) -> "Placed":
        """What it is answered with."""
        return Placed(
            self.order_id,
            self.total_minor,
            self.currency,
            self.prices_cached,
            self.fingerprint,
            self.created_at,
            fresh,
        )


class Placed(NamedTuple):
    """What the first answer to an order was made of. `fresh` is False for a repeat."""

    order_id: str
    total_minor: int
    currency: str
    prices_cached: bool
    fingerprint: bytes
    created_at: datetime
    fresh: bool


class Head(NamedTuple):
    """An order without its lines."""

    order_id: str
    customer_id: str | None
    email: str | None
    status: OrderStatus
    total_minor: int
    currency: str


class Step(NamedTuple):
    """One entry of an order's history."""

    status: OrderStatus
    at: datetime
    reason: str | None = None


class Move(NamedTuple):
    """The steps that an order takes at once."""

    order_id: str
    steps: tuple[Step, ...]
    short_items: tuple[ShortItem, ...] = ()

    @property
    def to(self) -> Step:
        """The last step: where the order stands then."""
        return self.steps[-1]


class Order(NamedTuple):
    """An order, whole."""

    head: Head
    lines: tuple[Line, ...]
    history: tuple[Step, ...]
    short_items: tuple[ShortItem, ...]
    prices_cached: bool
    created_at: datetime
    updated_at: datetime


def new_order(draft: Draft) -> Order:
    """The order that a draft becomes."""
    return Order(
        Head(draft.order_id, draft.customer_id, draft.email, S.PENDING, draft.total_minor, draft.currency),
        draft.lines,
        (Step(S.PENDING, draft.created_at),),
        (),
        draft.prices_cached,
        draft.created_at,
        draft.created_at,
    )


def move_to(head: Head, *steps: Step, short_items: tuple[ShortItem, ...] = ()) -> Move:
    """The steps as a move of that order. Raises IllegalTransitionError: no other way makes a move."""
    status = head.status
    for step in steps:
        check_transition(status, step.status)
        status = step.status
    return Move(head.order_id, steps, short_items)


def units_by_product(lines: Sequence[Line]) -> dict[str, int]:
    """How many units of each product the lines come to."""
    units: dict[str, int] = {}
    for line in lines:
        units[line.product_id] = units.get(line.product_id, 0) + line.quantity
    return units


class Returned(NamedTuple):
    """What a return comes to: units back by line, the refund, and whether nothing is left."""

    by_line: Mapping[int, int]
    refund_minor: int
    all_returned: bool


class ReturnNote(NamedTuple):
    """A return that was accepted, as its answer said. `key` and `fingerprint` tell a repeat."""

    return_id: str
    order_id: str
    refund_minor: int
    status: OrderStatus
    created_at: datetime
    key: str | None
    fingerprint: bytes


def settle_return(lines: Sequence[Line], wanted: Mapping[str, int]) -> Returned:
    """Take units back from the lines, first lines first, at the price of each line.

    Raises TooManyReturned where more is wanted than was bought and not returned yet.
    """
    left = dict(wanted)
    by_line: dict[int, int] = {}
    refund_minor = 0
    for number, line in enumerate(lines):
        back = min(left.get(line.product_id, 0), line.quantity - line.returned)
        if back:
            by_line[number] = back
            left[line.product_id] -= back
            refund_minor += back * line.unit_price_minor
    for product_id, missing in left.items():
        if missing:
            raise TooManyReturned(f"{product_id}: {missing} more than can come back.", items=f"Too many {product_id}")
    kept = sum(line.quantity - line.returned for line in lines) - sum(by_line.values())
    return Returned(by_line, refund_minor, all_returned=kept == 0)
