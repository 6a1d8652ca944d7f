"""The shop on Lambda: API Gateway, the functions of each service, DynamoDB on demand, SNS and SQS, and the clock."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from souk_topologies.cost.around import (
    MAILER,
    add_keys,
    add_messages,
    add_outside,
    add_watching,
    requests_per_order,
)
from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.load import SECONDS, Load
from souk_topologies.cost.parts import GB, Bill
from souk_topologies.cost.saga import Heard, Saga
from souk_topologies.cost.shape import Shape

AUTHORIZER = "authorizer"
OTHER = "other"
"""What stands for a step that was not measured."""
RELAY = "relay"
_MEASURED_LINES = 3
_MB_A_GB = Decimal(1024)
_CALLS_AT_ONCE = 64
"""Calls of AWS that a process has on their way at a time: `souk_chassis.aws.transport` has so many threads."""
_SCHEDULE_S = Decimal(60)
_RETURNED = "OrderReturned"
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of invocation: of whose function, how often an order, which step it is, what it waits for besides."""

    function: str
    per_order: Decimal
    step: str
    wait_ms: Decimal = Decimal(0)
    cpu_ms: Decimal = Decimal(0)
    is_http: bool = False
    """Whether API Gateway asks for it."""


def billed_ms(calls: Decimal, wait_ms: Decimal, cpu_ms: Decimal, assumed: Assumptions) -> Decimal:
    """What one invocation is billed for, in whole milliseconds: CPU on a share of a core, waits, cold starts.

    Up to 64 calls of AWS that go at once are waited for as one: only the clock's rounds have so many.
    """
    share = assumed.lambda_memory_mb / assumed.full_core_mb
    cpu = (assumed.handler_cpu_ms + cpu_ms + calls * assumed.call_cpu_ms) / min(share, _ONE)
    waited = calls if calls < _CALLS_AT_ONCE else (calls / _CALLS_AT_ONCE).to_integral_value(ROUND_CEILING)
    warm = cpu + waited * assumed.aws_call_ms + wait_ms
    return (warm + assumed.cold_start_share * assumed.cold_start_ms).to_integral_value(ROUND_CEILING)


def work_ms(work: Work, assumed: Assumptions) -> Decimal:
    """What one invocation of this kind is billed for, in milliseconds."""
    return billed_ms(of_step(assumed.aws_calls, work.step), work.wait_ms, work.cpu_ms, assumed)


def of_step(measured: Mapping[str, Decimal], step: str) -> Decimal:
    """What was measured of a step, or of a service's clock, or what stands for one that was not."""
    return measured.get(step, measured.get(OTHER, Decimal(0)))


def invocations(load: Load, saga: Saga, assumed: Assumptions) -> Iterator[Work]:
    """Everything that runs for one order."""
    quote = Work("products", _ONE, "quote")
    sign_in_ms = assumed.sign_in_cpu_us.get("users", Decimal(0)) / 1000
    order_reads = load.reads_per_order * assumed.order_share_of_reads
    product_reads = load.reads_per_order - order_reads
    pages = product_reads * assumed.page_share_of_product_reads
    returns = assumed.events_per_order.get(_RETURNED, Decimal(0))
    staff = assumed.staff_requests_per_order
    yield quote
    yield Work("orders", _ONE, "place_order", wait_ms=work_ms(quote, assumed), is_http=True)
    yield Work("orders", staff, "ship_order", is_http=True)
    yield Work("orders", returns, "return_items", is_http=True)
    yield Work("orders", order_reads, "get_order", is_http=True)
    yield Work("products", product_reads - pages, "get_product", is_http=True)
    yield Work("products", pages, "list_products", is_http=True)
    yield Work("users", assumed.sign_ins_per_order, "open_session", cpu_ms=sign_in_ms, is_http=True)
    # Whatever names a token is authorised, and nothing of the answer is kept.
    yield Work(AUTHORIZER, 1 + staff + returns + order_reads, "authorize", is_http=True)
    yield from _by_events(saga, assumed)


def _by_events(saga: Saga, assumed: Assumptions) -> Iterator[Work]:
    batch = assumed.events_per_batch
    contacts = Work("users", _ONE, "find_contacts")
    for heard in saga.heard:
        waited = _outside_ms(heard, assumed) * batch
        if heard.by == MAILER:
            yield Work("users", heard.per_order / batch, "find_contacts")
            waited += work_ms(contacts, assumed)
        yield Work(heard.by, heard.per_order / batch, heard.queue, wait_ms=waited)
    for published in saga.published:
        yield Work(published.by, published.per_order / batch, RELAY)


def _outside_ms(heard: Heard, assumed: Assumptions) -> Decimal:
    if not heard.asks:
        return Decimal(0)
    return assumed.mail_call_ms if heard.by == MAILER else assumed.provider_call_ms


def write_units(load: Load, saga: Saga, assumed: Assumptions) -> Decimal:
    """WRU of one order, by what each step was measured to write."""
    return _units(load, saga, assumed, assumed.write_units, assumed.write_units_per_line)


def read_units(load: Load, saga: Saga, assumed: Assumptions) -> Decimal:
    """RRU of one order, with what its customer looks at."""
    return _units(load, saga, assumed, assumed.read_units, assumed.read_units_per_line)


def _units(
    load: Load, saga: Saga, assumed: Assumptions, at_three: Mapping[str, Decimal], a_line: Mapping[str, Decimal]
) -> Decimal:
    # A batch spares invocations; what each event writes stays the same.
    alone = dataclasses.replace(assumed, events_per_batch=_ONE)
    units = Decimal(0)
    for work in invocations(load, saga, alone):
        beyond = max(load.lines - _MEASURED_LINES, 0) * a_line.get(work.step, Decimal(0))
        units += work.per_order * (of_step(at_three, work.step) + beyond)
    return units


def add_lambda(bill: Bill, load: Load, saga: Saga, shape: Shape, assumed: Assumptions) -> None:
    """All parts of the shop on Lambda."""
    requests = load.orders * requests_per_order(load, assumed)
    bill.add(f"API Gateway: {assumed.api.upper()} requests", requests, f"api_{assumed.api}_request")
    runs = _add_functions(bill, load, saga, shape, assumed)
    _add_tables(bill, load, saga, shape, assumed)
    add_messages(bill, load, saga, assumed)
    add_outside(bill, load, saga, assumed)
    logged = load.orders * assumed.log_bytes_per_order + runs * assumed.lambda_log_bytes
    add_watching(bill, logged + requests * assumed.access_log_bytes_per_request, Decimal(shape.alarms))
    metrics = assumed.routes_with_metrics * assumed.metrics_per_route if load.orders else Decimal(0)
    bill.add("CloudWatch: metrics of routes", metrics, "metric")
    add_keys(bill, assumed.kms_keys, _users_of_keys(load, shape), Decimal(shape.secrets), assumed)


def _add_functions(bill: Bill, load: Load, saga: Saga, shape: Shape, assumed: Assumptions) -> Decimal:
    """Requests, time and snapshots. Returns how many invocations there are."""
    ran = list(invocations(load, saga, assumed))
    ticks = SECONDS / _SCHEDULE_S
    runs = load.orders * sum((work.per_order for work in ran), Decimal(0)) + ticks * len(shape.scheduled)
    bill.add("Lambda: requests", runs, "lambda_request")
    gb = assumed.lambda_memory_mb / _MB_A_GB
    for function in (*saga.services, AUTHORIZER):
        ms = load.orders * sum((w.per_order * work_ms(w, assumed) for w in ran if w.function == function), Decimal(0))
        if function in shape.scheduled:
            calls = of_step(assumed.schedule_calls, function)
            ms += ticks * billed_ms(calls, Decimal(0), Decimal(0), assumed)
        bill.add(f"Lambda: {function}", ms / 1000 * gb, "lambda_gb_second")
    if assumed.snap_start:
        kept = shape.published * assumed.snapshots_per_function * gb * SECONDS
        bill.add("Lambda: snapshots kept", kept, "lambda_snapshot_gb_second")
        started = sum((work.per_order for work in ran if work.is_http), Decimal(0)) * assumed.cold_start_share
        bill.add("Lambda: snapshots restored", load.orders * started * gb, "lambda_restore_gb")
    bill.add("EventBridge: ticks of the clock", ticks * len(shape.scheduled), "schedule_tick")
    return runs


def _add_tables(bill: Bill, load: Load, saga: Saga, shape: Shape, assumed: Assumptions) -> None:
    swept = sum((of_step(assumed.schedule_read_units, name) for name in shape.scheduled), Decimal(0))
    bill.add("DynamoDB: writes", load.orders * write_units(load, saga, assumed), "dynamodb_write_unit")
    bill.add("DynamoDB: reads", load.orders * read_units(load, saga, assumed), "dynamodb_read_unit")
    bill.add("DynamoDB: reads by the clock", swept * SECONDS / _SCHEDULE_S, "dynamodb_read_unit")
    published = sum((each.per_order for each in saga.published), Decimal(0))
    bill.add("DynamoDB: streams", load.orders * published * assumed.stream_reads_billed, "dynamodb_stream_read")
    # Wide orders are stored wide: the figure holds for three lines.
    size = assumed.item_bytes_kept + max(load.lines - _MEASURED_LINES, 0) * assumed.item_bytes_kept_per_line
    stored = load.orders * assumed.months_kept * size / GB
    bill.add("DynamoDB: storage", stored, "dynamodb_storage_gb")
    bill.add("DynamoDB: point-in-time recovery", stored, "dynamodb_recovery_gb")


def _users_of_keys(load: Load, shape: Shape) -> Decimal:
    """What asks KMS again and again: tables always, since the clock looks at them; topics and queues where they are
    used."""
    return Decimal(shape.tables + (shape.topics + shape.queues if load.orders else 0))
