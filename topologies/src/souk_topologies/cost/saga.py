"""What one order sets going, read from the manifests: which service publishes an event, and who hears it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from souk_chassis.manifest import Service
from souk_topologies.cost.faults import CostError


@dataclass(frozen=True, slots=True)
class Published:
    """An event of an order's way, and how often an order sets it off."""

    event: str
    by: str
    per_order: Decimal


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that a service hears. `asks`: its handler calls an outside system for each."""

    event: str
    by: str
    per_order: Decimal
    asks: bool
    queue: str


@dataclass(frozen=True, slots=True)
class Saga:
    """Events of one order, and the size of what carries them."""

    services: tuple[str, ...]
    published: tuple[Published, ...]
    heard: tuple[Heard, ...]
    queues: int


def read_saga(services: Sequence[Service], events_per_order: Mapping[str, Decimal]) -> Saga:
    """The saga of these services. Raises CostError where an event is named that nobody publishes."""
    publishers = {event.__name__: service.name for service in services for event in service.publishes}
    unknown = sorted(events_per_order.keys() - publishers.keys())
    if unknown:
        raise CostError(f"events_per_order: no service publishes {unknown[0]}")
    heard = [
        Heard(
            event.__name__,
            service.name,
            events_per_order[event.__name__],
            consumer.ask is not None,
            service.queue(event),
        )
        for service in services
        for event, consumer in service.consumes.items()
        if event.__name__ in events_per_order
    ]
    return Saga(
        tuple(service.name for service in services),
        tuple(Published(event, publishers[event], times) for event, times in events_per_order.items()),
        tuple(heard),
        sum(len(service.consumes) for service in services),
    )
