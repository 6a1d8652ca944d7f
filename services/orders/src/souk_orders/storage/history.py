"""An order's history as the JSON that both databases keep."""

from collections.abc import Sequence

from souk_chassis import wire
from souk_contracts.orders import StatusChange
from souk_orders.domain import Step


def history_json(steps: Sequence[Step]) -> str:
    """Steps as entries of a history."""
    return wire.encode([StatusChange(status=step.status, at=step.at, reason=step.reason) for step in steps]).decode()


def read_history(text: str) -> tuple[Step, ...]:
    """What `history_json` wrote."""
    return tuple(Step(each.status, each.at, each.reason) for each in wire.decode(text, tuple[StatusChange, ...]))
