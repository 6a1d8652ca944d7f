"""The shop on Lambda: API Gateway, a function a service, DynamoDB on demand, SNS and SQS."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from souk_topologies.cost.around import (
    MAILER,
    add_messages,
    add_outside,
    add_secrets,
    add_watching,
    requests_per_order,
)
from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.load import Load
from souk_topologies.cost.parts import GB, Bill
from souk_topologies.cost.saga import Heard, Saga

AUTHORIZER = "authorizer"
_KB = Decimal(1024)
_MB_A_GB = Decimal(1024)


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of invocation: of which function, how often an order, how many calls of AWS it waits for, what else."""

    function: str
    per_order: Decimal
    calls: int
    wait_ms: Decimal = Decimal(0)
    cpu_ms: Decimal = Decimal(0)


def billed_ms(work: Work, assumed: Assumptions) -> Decimal:
    """What one invocation is billed for, in whole milliseconds: CPU on a share of a core, waits, cold starts."""
    share = assumed.lambda_memory_mb / assumed.full_core_mb
    cpu_ms = assumed.handler_cpu_ms + work.cpu_ms + work.calls * assumed.sdk_cpu_ms_per_call
    warm = cpu_ms / min(share, Decimal(1)) + work.calls * assumed.aws_call_ms + work.wait_ms
    return (warm + assumed.cold_start_share * assumed.cold_start_ms).to_integral_value(ROUND_CEILING)


def invocations(load: Load, saga: Saga, assumed: Assumptions) -> Iterator[Work]:
    """Everything that runs for one order."""
    quote = Work("products", Decimal(1), 1)
    order_reads = load.reads_per_order * assumed.order_share_of_reads
    sign_in_ms = assumed.sign_in_cpu_us.get("users", Decimal(0)) / 1000
    yield quote
    yield Work("orders", Decimal(1), 1, wait_ms=billed_ms(quote, assumed))
    yield Work("orders", assumed.staff_requests_per_order, 2)
    yield Work("orders", order_reads, 1)
    yield Work("products", load.reads_per_order - order_reads, 1)
    yield Work("users", assumed.sign_ins_per_order, 1, cpu_ms=sign_in_ms)
    yield Work(AUTHORIZER, assumed.authorizer_calls_per_order, 0)
    batch = assumed.events_per_batch
    for heard in saga.heard:
        outside = _outside_ms(heard, assumed) * batch
        yield Work(heard.by, heard.per_order / batch, 2, wait_ms=outside)
    for published in saga.published:
        yield Work(published.by, published.per_order / batch, 1)


def _outside_ms(heard: Heard, assumed: Assumptions) -> Decimal:
    if not heard.asks:
        return Decimal(0)
    return assumed.mail_call_ms if heard.by == MAILER else assumed.provider_call_ms


def write_units(load: Load, saga: Saga, assumed: Assumptions) -> Decimal:
    """WRU of one order. A consumed event and its effect are one transaction, which costs double."""
    order = order_kb(load, assumed)
    index = assumed.index_units_per_order_write
    units = (1 + assumed.staff_requests_per_order) * (order + index)
    effects = {"orders": order, "products": Decimal(load.lines + 1)}
    for heard in saga.heard:
        effect = effects.get(heard.by, Decimal(1))
        indexed = index if heard.by == "orders" else Decimal(0)
        answered = Decimal(1) if heard.asks else Decimal(0)
        units += heard.per_order * (2 * (1 + effect) + indexed + answered)
    return units


def read_units(load: Load, saga: Saga, assumed: Assumptions) -> Decimal:
    """RRU of one order: prices, what handlers look up, what the customer looks at, who signs in."""
    looked_up = sum((each.per_order for each in saga.heard), Decimal(0)) + assumed.staff_requests_per_order
    seen = load.reads_per_order * assumed.read_units_per_read
    return load.lines * assumed.quote_units_per_line + looked_up + seen + assumed.sign_ins_per_order


def order_kb(load: Load, assumed: Assumptions) -> Decimal:
    """The size of an order's item in the KB that a write is billed by."""
    size = assumed.order_item_bytes + assumed.order_item_bytes_per_line * load.lines
    return max((size / _KB).to_integral_value(ROUND_CEILING), Decimal(1))


def add_lambda(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> None:
    """All parts of the shop on Lambda."""
    requests = load.orders * requests_per_order(load, assumed)
    bill.add(f"API Gateway: {assumed.api.upper()} requests", requests, f"api_{assumed.api}_request")
    ran = list(invocations(load, saga, assumed))
    runs = load.orders * sum((work.per_order for work in ran), Decimal(0))
    bill.add("Lambda: requests", runs, "lambda_request")
    gb = assumed.lambda_memory_mb / _MB_A_GB
    for function in (*saga.services, AUTHORIZER):
        ms = sum((w.per_order * billed_ms(w, assumed) for w in ran if w.function == function), Decimal(0))
        bill.add(f"Lambda: {function}", load.orders * ms / 1000 * gb, "lambda_gb_second")
    _add_tables(bill, load, saga, assumed)
    add_messages(bill, load, saga, assumed)
    add_outside(bill, load, saga, assumed)
    logged = load.orders * assumed.log_bytes_per_order + runs * assumed.lambda_log_bytes
    add_watching(bill, logged + requests * assumed.access_log_bytes_per_request, saga, assumed)
    add_secrets(bill, saga, assumed, encrypted_queues=True)


def _add_tables(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> None:
    bill.add("DynamoDB: writes", load.orders * write_units(load, saga, assumed), "dynamodb_write_unit")
    bill.add("DynamoDB: reads", load.orders * read_units(load, saga, assumed), "dynamodb_read_unit")
    published = sum((each.per_order for each in saga.published), Decimal(0))
    bill.add("DynamoDB: streams", load.orders * published * assumed.stream_reads_billed, "dynamodb_stream_read")
    # Wide orders are stored wide: the figure holds for three lines.
    size = assumed.item_bytes_kept + max(load.lines - 3, 0) * 2 * assumed.order_item_bytes_per_line
    stored = load.orders * assumed.months_kept * size / GB
    bill.add("DynamoDB: storage", stored, "dynamodb_storage_gb")
    bill.add("DynamoDB: point-in-time recovery", stored, "dynamodb_recovery_gb")
