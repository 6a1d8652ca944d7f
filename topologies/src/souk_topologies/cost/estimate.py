"""An estimate: what a shop and its orders use of AWS in a month, and the bill of it in each topology."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, DecimalException
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec

from souk_chassis.manifest import Service
from souk_topologies.cost.data import Assumption, CostError, Price, Tier, read_bills
from souk_topologies.infrastructure import terraform_inputs

ZERO, ONE = Decimal(0), Decimal(1)
HOURS, GB = Decimal(730), Decimal(2**30)
"""The hours of a month and the bytes of a gigabyte, as AWS counts them."""
SECONDS, MINUTES = HOURS * 3600, HOURS * 60
AUTHORIZER, MAILER, RELAY = "authorizer", "notifications", "relay"
_MEASURED_LINES = 3
_CALLS_AT_ONCE = 64
"""Calls of AWS that a process has on their way at a time: `souk_chassis.aws.transport` has so many threads."""


class Load(NamedTuple):
    """Orders a month, and what comes with each. `peak` is the busiest hours' rate over the average."""

    orders: Decimal
    lines: int = 3
    reads_per_order: Decimal = Decimal(20)
    peak: Decimal = Decimal(4)


class Subscription(NamedTuple):
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
    subscriptions: tuple[Subscription, ...]
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
        subscriptions=tuple(
            Subscription(event.__name__, service.name, service.queue(event), asks) for service, event, asks in heard
        ),
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
        self.heard = [(each, times[each.event]) for each in shop.subscriptions if each.event in times]
        self.more_lines = max(load.lines - _MEASURED_LINES, 0)

    def names(self) -> dict[str, Any]:
        """What the formulas of bill.toml may name."""
        has, shop, orders = self.has, self.shop, self.load.orders
        ran, ticks = list(self.invocations(has.events_per_batch)), MINUTES * len(shop.scheduled)
        function_ms = dict.fromkeys((*shop.services, AUTHORIZER), ZERO)
        for work in ran:
            function_ms[work.function] += orders * work.per_order * self.billed_ms(work, has.aws_calls)
        for name in shop.scheduled:
            function_ms[name] += MINUTES * self.billed_ms(Work(name, ZERO, name), has.schedule_calls)
        return {
            **vars(has),
            **self.load._asdict(),
            **shop._asdict(),
            "clock_reads": MINUTES * sum(of_step(has.schedule_read_units, name) for name in shop.scheduled),
            "events": orders * sum(has.events_per_order.values()),
            "function_s": {name: ms / 1000 for name, ms in function_ms.items()},
            "heard": orders * sum(times for _, times in self.heard),
            "http_invocations": orders * sum(work.per_order for work in ran if work.is_http),
            "invocations": orders * sum(work.per_order for work in ran) + ticks,
            "mails": orders * sum(times for heard, times in self.heard if heard.by == MAILER),
            "more_lines": self.more_lines,
            "reads": orders * self.units(has.read_units, has.read_units_per_line),
            "ticks": ticks,
            "writes": orders * self.units(has.write_units, has.write_units_per_line),
        }

    def billed_ms(self, work: Work, calls_of: Mapping[str, Decimal]) -> Decimal:
        """What one invocation is billed for, in whole milliseconds: CPU on a share of a core, waits, cold starts."""
        has, calls = self.has, of_step(calls_of, work.step)
        share = min(has.lambda_memory_mb / has.full_core_mb, 1)
        cpu = (has.handler_cpu_ms + work.cpu_ms + calls * has.call_cpu_ms) / share
        # Only the clock's rounds have so many calls that they go at once, and are waited for as one.
        waited = calls if calls < _CALLS_AT_ONCE else whole(calls / _CALLS_AT_ONCE)
        return whole(cpu + waited * has.aws_call_ms + work.wait_ms + has.cold_start_share * has.cold_start_ms)

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
        yield Work("orders", ONE, "place_order", wait_ms=self.billed_ms(quote, has.aws_calls), is_http=True)
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
                waited += self.billed_ms(contacts, has.aws_calls)
            yield Work(heard.by, times / batch, heard.queue, wait_ms=waited)
        for event, times in has.events_per_order.items():
            yield Work(self.shop.publishers[event], times / batch, RELAY)


TOPOLOGIES = {"lambda": ("lambda",), "ecs": ("ecs", "containers"), "eks": ("eks", "containers")}
"""The ways to run the shop on AWS, and the lines of bill.toml that the bill of each has."""

_KNOWN = {"__builtins__": {}, "GB": GB, "hours": HOURS, "seconds": SECONDS, "of_step": of_step, "whole": whole} | {
    each.__name__: each for each in (len, max, min, sum)
}


class Part(msgspec.Struct, frozen=True):
    """A line of a bill: units of something at its price, and what they cost a month, rounded to a cent."""

    part: str
    quantity: Decimal
    unit: str
    price: str
    per: int
    tiers: Sequence[Tier]
    source: str
    usd: Decimal


class Estimate(msgspec.Struct, frozen=True):
    """The bill of one topology. `idle_usd` is what the same shop costs without an order. Sums are rounded at last."""

    topology: str
    parts: Sequence[Part]
    usd: Decimal
    per_thousand_orders_usd: Decimal | None
    idle_usd: Decimal
    notes: Sequence[str]


def estimate(
    topology: str, load: Load, shop: Shop, prices: Mapping[str, Price], assumed: Mapping[str, Assumption]
) -> Estimate:
    """The bill of one of TOPOLOGIES. Raises CostError where a price is missing or an assumption does not fit."""
    names, idle = (names_of(shop, each, assumed) for each in (load, load._replace(orders=ZERO)))
    lines, idle_lines = (list(_lines(topology, each, prices)) for each in (names, idle))
    usd, idle_usd = (sum((prices[price].cost(units) for _, units, price in each), ZERO) for each in (lines, idle_lines))
    thousand = (usd / load.orders * 1000).quantize(Decimal("0.0001")) if load.orders else None
    needed, own = names["databases"], len(shop.services)
    note = f"{needed} database instances are needed, and Souk has {own} databases to part among them"
    notes = [note] if topology != "lambda" and needed > own else []
    parts = [_part(name, units, price, prices[price]) for name, units, price in lines]
    return Estimate(topology, parts, _cents(usd), thousand, _cents(idle_usd), notes)


def names_of(shop: Shop, load: Load, assumed: Mapping[str, Assumption]) -> Mapping[str, Any]:
    """What the lines of bill.toml stand on, by name. Raises CostError where an assumption does not fit."""
    has = SimpleNamespace(**{name: each.value for name, each in assumed.items()})
    if unknown := sorted(has.events_per_order.keys() - shop.publishers.keys()):
        raise CostError(f"events_per_order: no service publishes {unknown[0]}")
    try:
        names = Quantities(shop, load, has).names() | _KNOWN
        for name, formula in read_bills()[0].items():
            names[name] = eval(formula, names)  # noqa: S307 - the formulas ship with the package
    except DecimalException:
        raise CostError("an assumption that others are divided by can't be 0") from None
    return names


def _lines(topology: str, names: Mapping[str, Any], prices: Mapping[str, Price]) -> Iterator[tuple[str, Decimal, str]]:
    """Each line's name, units and price's name."""
    for line in (line for table in TOPOLOGIES[topology] for line in read_bills()[1][table]):
        price = line["price"].format_map(names)
        if not eval(line.get("when", "1"), dict(names)):  # noqa: S307 - as above
            continue
        if price not in prices:
            raise CostError(f"the prices have no {price}")
        units = eval(line["units"], dict(names))  # noqa: S307 - as above
        for name, quantity in units.items() if isinstance(units, dict) else [("", Decimal(units))]:
            yield line["part"].format(name, **names), quantity, price


def _part(name: str, units: Decimal, price: str, of: Price) -> Part:
    return Part(name, plain(units), of.unit, price, of.per, of.tiers, of.source, _cents(of.cost(units)))


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"), ROUND_HALF_UP)


def plain(number: Decimal) -> Decimal:
    """Six places at most, and no zeros at the end."""
    return Decimal(f"{number:.6f}".rstrip("0").rstrip("."))
