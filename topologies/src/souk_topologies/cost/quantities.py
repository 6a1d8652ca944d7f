"""What the bill of a shop stands on: counted in its manifests, in Terraform's inputs, and step by step of an order."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

from souk_chassis.manifest import Service
from souk_topologies.infrastructure import terraform_inputs

ZERO, ONE = Decimal(0), Decimal(1)
HOURS = Decimal(730)
"""The hours of a month, as AWS counts them: 8,760 a year over twelve."""
SECONDS, MINUTES = HOURS * 3600, HOURS * 60
GB = Decimal(2**30)
"""Bytes of a gigabyte, as AWS counts them."""
AUTHORIZER, GATEWAY, DATABASE, MAILER, RELAY = "authorizer", "gateway", "postgresql", "notifications", "relay"
_MEASURED_LINES = 3
_CALLS_AT_ONCE = 64
"""Calls of AWS that a process has on their way at a time: `souk_chassis.aws.transport` has so many threads."""


class Load(NamedTuple):
    """Orders a month, and what comes with each. `peak` is the busiest hours' rate over the average."""

    orders: Decimal
    lines: int = 3
    reads_per_order: Decimal = Decimal(20)
    peak: Decimal = Decimal(4)


class Heard(NamedTuple):
    """An event and the queue of a service that hears it. `asks`: its handler calls an outside system for each."""

    event: str
    by: str
    queue: str
    asks: bool


class Shop(NamedTuple):
    """Services, the publisher of each event, its hearers; on Lambda how many functions, published ones (each keeps a
    snapshot), tables, relays of events tables, and the services that the clock wakes."""

    services: tuple[str, ...]
    publishers: Mapping[str, str]
    heard: tuple[Heard, ...]
    functions: int
    published: int
    tables: int
    relays: int
    scheduled: tuple[str, ...]


class Work(NamedTuple):
    """One kind of invocation: whose function, how often an order, which step, what it waits for and computes besides.
    `is_http`: API Gateway asks for it."""

    function: str
    per_order: Decimal
    step: str
    wait_ms: Decimal = ZERO
    cpu_ms: Decimal = ZERO
    is_http: bool = False


def read_shop(services: Sequence[Service]) -> Shop:
    """The shop of these services."""
    inputs = terraform_inputs(services, {})
    declared, edge = inputs["services"], inputs["gateway"]["functions"]
    tables = [table for each in declared.values() for table in each["tables"].values()]
    heard = ((service, event, use.ask is not None) for service in services for event, use in service.consumes.items())
    return Shop(
        services=tuple(service.name for service in services),
        publishers={event.__name__: service.name for service in services for event in service.publishes},
        heard=tuple(Heard(event.__name__, service.name, service.queue(event), asks) for service, event, asks in heard),
        functions=sum(len(each["functions"]) for each in declared.values()) + len(edge),
        published=sum("api" in each["functions"] for each in declared.values()) + len(edge),
        tables=len(tables),
        relays=sum(table["streams"] for table in tables),
        scheduled=tuple(name for name, each in declared.items() if each["schedule"] and "events" in each["functions"]),
    )


def of_step(measured: Mapping[str, Decimal], step: str) -> Decimal:
    """What was measured of a step, or of a service's clock, or `other`, which stands for those that were not."""
    return measured.get(step, measured.get("other", ZERO))


def whole(count: Decimal) -> Decimal:
    """The next whole number."""
    return count.to_integral_value(ROUND_CEILING)


class Quantities:
    """Of a shop under a load. `has` gives each assumption's value by its name."""

    def __init__(self, shop: Shop, load: Load, has: SimpleNamespace) -> None:
        self.shop, self.load, self.has, times = shop, load, has, has.events_per_order
        self.heard = [(each, times[each.event]) for each in shop.heard if each.event in times]
        self.more_lines = max(load.lines - _MEASURED_LINES, 0)

    def names(self) -> dict[str, Any]:
        """What the formulas of bill.toml may name."""
        has, shop, orders = self.has, self.shop, self.load.orders
        ran, ticks = list(self.invocations(has.events_per_batch)), MINUTES * len(shop.scheduled)
        of_clock = {name: self.billed_ms(of_step(has.schedule_calls, name)) for name in shop.scheduled}
        function_ms = {name: MINUTES * of_clock.get(name, ZERO) for name in (*shop.services, AUTHORIZER)}
        for work in ran:
            function_ms[work.function] += orders * work.per_order * self.work_ms(work)
        return (
            vars(has)
            | self.load._asdict()
            | {"GB": GB, "hours": HOURS, "seconds": SECONDS, "whole": whole}
            | {
                "clock_reads": MINUTES * sum(of_step(has.schedule_read_units, name) for name in shop.scheduled),
                "cores": self.cores,
                "database": self.choose_database,
                "events": orders * sum(has.events_per_order.values()),
                "function_s": {name: ms / 1000 for name, ms in function_ms.items()},
                "functions": shop.functions,
                "heard": orders * sum(times for _, times in self.heard),
                "http_invocations": orders * sum(work.per_order for work in ran if work.is_http),
                "invocations": orders * sum(work.per_order for work in ran) + ticks,
                "mails": orders * sum(times for heard, times in self.heard if heard.by == MAILER),
                "more_lines": self.more_lines,
                "published": shop.published,
                "queues": len(shop.heard),
                "reads": orders * self.units(has.read_units, has.read_units_per_line),
                "relays": shop.relays,
                "services": len(shop.services),
                "tables": shop.tables,
                "tasks": self.tasks,
                "ticks": ticks,
                "topics": len(shop.publishers),
                "writes": orders * self.units(has.write_units, has.write_units_per_line),
            }
        )

    def billed_ms(self, calls: Decimal, wait_ms: Decimal = ZERO, cpu_ms: Decimal = ZERO) -> Decimal:
        """What one invocation is billed for, in whole milliseconds: CPU on a share of a core, waits, cold starts."""
        has = self.has
        cpu = (has.handler_cpu_ms + cpu_ms + calls * has.call_cpu_ms) / min(has.lambda_memory_mb / has.full_core_mb, 1)
        # Only the clock's rounds have so many calls that they go at once, and are waited for as one.
        waited = calls if calls < _CALLS_AT_ONCE else whole(calls / _CALLS_AT_ONCE)
        return whole(cpu + waited * has.aws_call_ms + wait_ms + has.cold_start_share * has.cold_start_ms)

    def work_ms(self, work: Work) -> Decimal:
        """What one invocation of this kind is billed for, in milliseconds."""
        return self.billed_ms(of_step(self.has.aws_calls, work.step), work.wait_ms, work.cpu_ms)

    def units(self, at_three: Mapping[str, Decimal], a_line: Mapping[str, Decimal]) -> Decimal:
        """Read or write units of one order. A batch spares invocations; what each event writes stays the same."""
        units = ((w, of_step(at_three, w.step), a_line.get(w.step, ZERO)) for w in self.invocations(ONE))
        return sum((work.per_order * (narrow + self.more_lines * line) for work, narrow, line in units), ZERO)

    def invocations(self, batch: Decimal) -> Iterator[Work]:
        """Everything that runs for one order, where each message has so many events."""
        has, reads, staff = self.has, self.load.reads_per_order, self.has.staff_requests_per_order
        quote, contacts = Work("products", ONE, "quote"), Work("users", ONE, "find_contacts")
        order_reads = reads * has.order_share_of_reads
        pages = (reads - order_reads) * has.page_share_of_product_reads
        returns = has.events_per_order.get("OrderReturned", ZERO)
        sign_in_ms = has.sign_in_cpu_us.get("users", ZERO) / 1000
        yield quote
        yield Work("orders", ONE, "place_order", wait_ms=self.work_ms(quote), is_http=True)
        yield Work("orders", staff, "ship_order", is_http=True)
        yield Work("orders", returns, "return_items", is_http=True)
        yield Work("orders", order_reads, "get_order", is_http=True)
        yield Work("products", reads - order_reads - pages, "get_product", is_http=True)
        yield Work("products", pages, "list_products", is_http=True)
        yield Work("users", has.sign_ins_per_order, "open_session", cpu_ms=sign_in_ms, is_http=True)
        # Whatever names a token is authorised, and nothing of the answer is kept.
        yield Work(AUTHORIZER, 1 + staff + returns + order_reads, "authorize", is_http=True)
        for heard, times in self.heard:
            waited = (has.mail_call_ms if heard.by == MAILER else has.provider_call_ms) * batch if heard.asks else ZERO
            if heard.by == MAILER:
                yield contacts._replace(per_order=times / batch)
                waited += self.work_ms(contacts)
            yield Work(heard.by, times / batch, heard.queue, wait_ms=waited)
        for event, times in has.events_per_order.items():
            yield Work(self.shop.publishers[event], times / batch, RELAY)

    def cores(self, component: str, rate: Decimal) -> Decimal:
        """Cores that a service, the gateway or PostgreSQL keeps busy at so many orders a second."""
        has = self.has
        us = has.order_cpu_us.get(component, ZERO) + self.load.reads_per_order * has.read_cpu_us.get(component, ZERO)
        return Decimal(rate * (us + has.sign_ins_per_order * has.sign_in_cpu_us.get(component, ZERO)) / 1_000_000)

    def tasks(self, rate: Decimal) -> Decimal:
        """Tasks of the gateway and of all services at so many orders a second."""
        has, names = self.has, (GATEWAY, *self.shop.services)
        each = has.task_vcpu * has.target_utilisation
        needed = ((name, whole((self.cores(name, rate) + has.idle_cores) / each)) for name in names)
        return sum((max(of_step(has.tasks_at_least, name), need) for name, need in needed), ZERO)

    def choose_database(self, busy_rate: Decimal, mean_rate: Decimal) -> str:
        """The smallest instance that carries these orders a second, else the largest. A burstable one does less for
        hours than for a while."""
        has, names = self.has, list[str](self.has.database_vcpu)
        busy, mean = (self.cores(DATABASE, rate) for rate in (busy_rate, mean_rate))
        for name in names[1:] if busy > has.small_database_vcpu else names:
            most, lasting = (vcpu[name] for vcpu in (has.database_vcpu, has.database_lasting_vcpu))
            if busy <= most * has.target_utilisation and mean <= lasting * has.target_utilisation:
                return name
        return names[-1]
