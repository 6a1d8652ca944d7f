"""What a unit of work of the payments service keeps together, and how it is packed into transactions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from souk_chassis.events.event import Stored
from souk_chassis.storage.dynamodb.outbox import BUNDLE_BYTES
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, chunks
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write

ROOM = TRANSACTION_ITEMS - 1
"""Items of a transaction beside the one of the outbox."""


@dataclass(slots=True)
class Step:
    """One change, whole in itself: the payment's item and a refund's as they are after it, and what it tells."""

    payment: Row | None = None
    refund: Row | None = None
    other: Write | None = None
    """A write that belongs to no payment."""
    events: list[Stored] = field(default_factory=list)


def packed(groups: Iterable[Sequence[Step]]) -> list[list[Step]]:
    """Groups of steps, in their sequence, in transactions.

    A group, which is all that befalls one order, is not divided unless it is too wide for a transaction. Then its
    parts follow each other: what was charged or cancelled comes first, with the first refunds.
    """
    batches: list[list[Step]] = []
    room = weight = 0
    for group in groups:
        for part in [group] if _items(group) <= ROOM else chunks(group, ROOM - 1):
            items, heavy = _items(part), _weight(part)
            if not batches or items > room or weight + heavy > BUNDLE_BYTES:
                batches.append([])
                room, weight = ROOM, 0
            room, weight = room - items, weight + heavy
            batches[-1].extend(part)
    return batches


def _items(steps: Sequence[Step]) -> int:
    own = sum((step.refund is not None) + (step.other is not None) for step in steps)
    return own + any(step.payment is not None for step in steps)


def _weight(steps: Sequence[Step]) -> int:
    return sum(len(event.json.encode()) for step in steps for event in step.events)
