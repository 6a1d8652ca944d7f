"""What the shop of functions has, counted in Terraform's inputs: it is paid for whether anybody comes or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from souk_chassis.manifest import Service
from souk_topologies.infrastructure import terraform_inputs

_API = "api"
_EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Shape:
    """How many there are of each."""

    functions: int
    published: int
    """Functions that API Gateway calls: each has a version that is kept, with a snapshot."""
    tables: int
    topics: int
    queues: int
    relays: int
    """Streams of events tables, each with a queue for what it could not hand over."""
    secrets: int
    scheduled: tuple[str, ...]
    """Services whose function for events the clock wakes."""

    @property
    def alarms(self) -> int:
        """As `infra/terraform/modules/alarms` makes them: errors of each function, throttles once, 5xx once, the age of
        each queue's oldest message, what lies in each dead-letter queue and in each queue of what was not relayed."""
        return self.functions + 2 + self.queues + self.queues + self.relays


def read_shape(services: Sequence[Service]) -> Shape:
    """The shape of the shop that these services make on AWS."""
    inputs = terraform_inputs(services, {})
    declared: dict[str, Any] = inputs["services"]
    edge = inputs["gateway"]["functions"]
    tables = [table for each in declared.values() for table in each["tables"].values()]
    return Shape(
        functions=sum(len(each["functions"]) for each in declared.values()) + len(edge),
        published=sum(_API in each["functions"] for each in declared.values()) + len(edge),
        tables=len(tables),
        topics=sum(len(each["publishes"]) for each in declared.values()),
        queues=sum(len(each["queues"]) for each in declared.values()),
        relays=sum(table["streams"] for table in tables),
        secrets=len(declared),
        scheduled=tuple(name for name, each in declared.items() if each["schedule"] and _EVENTS in each["functions"]),
    )
