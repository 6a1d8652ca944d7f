"""What an estimate takes for granted: each figure with its unit and its reason, and open to be replaced from a file.

Microseconds of CPU were measured on one core of a shared 2-core Linux machine, PostgreSQL beside it, a process a
service: 3,000 three-line orders placed to confirmed, 1,000 of them shipped and delivered, 2,000 reads of each kind.
"""

# ruff: noqa: RUF009 - each default is a field of dataclasses, made by _take

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from souk_topologies.cost.faults import CostError, read_toml

Some = Annotated[Decimal, msgspec.Meta(extra={"least": 0})]
"""A quantity that may be nothing."""
Share = Annotated[Decimal, msgspec.Meta(extra={"least": 0, "most": 1})]
More = Annotated[Decimal, msgspec.Meta(extra={"above": 0})]
"""A quantity that divides others."""
Times = Mapping[str, Decimal]
"""Something for each event or each service, by name."""


def _take(value: Any, unit: str, reason: str) -> Any:
    """A field of Assumptions. Numbers are given as text, so that they stay exact."""
    taken = {key: Decimal(each) for key, each in value.items()} if isinstance(value, dict) else value
    if isinstance(taken, str) and (taken[:1].isdigit()):
        taken = Decimal(taken)
    if isinstance(taken, dict):
        return dataclasses.field(default_factory=lambda: dict(taken), metadata={"unit": unit, "reason": reason})
    return dataclasses.field(default=taken, metadata={"unit": unit, "reason": reason})


@dataclass(frozen=True)
class Assumptions:
    """Every figure that is neither a price nor part of the load."""

    # The shop
    events_per_order: Times = _take(
        {
            "OrderCreated": "1",
            "StockReserved": "1",
            "PaymentCaptured": "1",
            "OrderConfirmed": "1",
            "OrderShipped": "1",
            "OrderDelivered": "1",
            "OrderReturned": "0.05",
            "RefundOwed": "0.05",
            "PaymentRefunded": "0.05",
        },
        "events an order",
        "each order is confirmed, shipped and delivered, one in twenty comes back; who hears them is in the manifests",
    )
    staff_requests_per_order: Some = _take("2", "requests an order", "an administrator ships it and delivers it")
    sign_ins_per_order: Some = _take("0.2", "sign-ins an order", "a session lasts 8 hours, and guests do not sign in")
    order_share_of_reads: Share = _take(
        "0.1", "share of the reads", "the rest reads products: single ones, and pages of 50"
    )
    page_share_of_product_reads: Share = _take("0.2", "share of the products' reads", "the rest reads one product")
    months_kept: Some = _take("12", "months", "the bill of the month in which so many months of orders are stored")
    peak_hours_a_day: Some = _take("4", "hours", "how long the peak lasts; the other hours share what it leaves")

    # Bytes
    response_bytes_per_read: Some = _take("2200", "bytes", "measured, with 300 of headers: products 470, a page 8,900")
    response_bytes_per_write: Some = _take("500", "bytes", "measured: the receipt of an order is 101, plus headers")
    log_bytes_per_order: Some = _take(
        "2800",
        "bytes",
        "measured: 6 lines, 1,475 bytes, to confirmed; 4 more of shipping, and 26 a line for CloudWatch",
    )
    access_log_bytes_per_request: Some = _take("300", "bytes", "one line of API Gateway's or of the load balancer's")
    event_bytes: Some = _take("700", "bytes", "a CloudEvent with its envelope, before its lines")
    event_bytes_per_line: Some = _take("60", "bytes", "a product id of 36 characters and a quantity, as JSON")

    # Lambda
    api: Literal["http", "rest"] = _take("http", "kind", "API Gateway's HTTP API: no use of what REST adds")
    lambda_memory_mb: More = _take("512", "MB", "as Terraform makes them; a core's share of 512/1769")
    full_core_mb: More = _take("1769", "MB", "AWS: at this size a function has one core")
    handler_cpu_ms: Some = _take(
        "1", "ms of a core", "measured on PostgreSQL: 0.2 for a read, 1 for a change that is grouped with no other"
    )
    call_cpu_ms: Some = _take("0.4", "ms of a core", "measured: 0.3 to sign, send and read a call, without TLS")
    aws_call_ms: Some = _take("8", "ms", "DynamoDB, SNS or another function: AWS promises single digits for the first")
    provider_call_ms: Some = _take("500", "ms", "a payment provider's charge, waited for")
    mail_call_ms: Some = _take("60", "ms", "handing a mail to SES, waited for")
    cold_start_share: Share = _take("0.01", "share of invocations", "steady traffic; AWS bills starting since 2025")
    cold_start_ms: Some = _take("200", "ms", "85 bare, 40 at most of imports, then the key and connections")
    snap_start: bool = _take(value=True, unit="yes or no", reason="as Terraform's variable has it")
    snapshots_per_function: Some = _take("1", "versions", "the live one; a release adds one until it is deleted")
    lambda_log_bytes: Some = _take("400", "bytes an invocation", "Lambda's own START, END and REPORT lines")
    routes_with_metrics: Some = _take(
        "0", "routes", "off in Terraform: an order's way has nine, and the access log names each"
    )
    metrics_per_route: Some = _take("6", "metrics", "AWS: what detailed metrics of an HTTP API are, a route")

    # DynamoDB: tests/functions/test_cost.py measures the steps, and those of the clock
    write_units: Times = _take(
        {
            "place_order": "9",
            "ship_order": "6",
            "return_items": "6",
            "products-order-created": "13",
            "orders-stock-reserved": "8",
            "payments-stock-reserved": "8",
            "orders-payment-captured": "9",
            "notifications-order-confirmed": "7",
            "notifications-order-shipped": "7",
            "notifications-order-delivered": "7",
            "notifications-order-returned": "7",
            "products-order-returned": "8",
            "payments-order-returned": "8",
            "payments-refund-owed": "8",
            "relay": "1",
            "quote": "0",
            "get_order": "0",
            "get_product": "0",
            "list_products": "0",
            "open_session": "0",
            "find_contacts": "0",
            "authorize": "0",
            "other": "4",
        },
        "WRU a step",
        "measured: an order of three lines, each event alone; an idempotency key is 3 more",
    )
    write_units_per_line: Times = _take(
        {"place_order": "0.25", "products-order-created": "2.15", "relay": "0.02"},
        "WRU a line above three",
        "measured with 3 and with 101 lines: stock is an item a line",
    )
    read_units: Times = _take(
        {
            "place_order": "0",
            "quote": "3",
            "ship_order": "2",
            "return_items": "1",
            "get_order": "1",
            "get_product": "2",
            "list_products": "54",
            "open_session": "2",
            "find_contacts": "1",
            "products-order-created": "5",
            "products-order-returned": "4",
            "payments-stock-reserved": "3",
            "payments-order-returned": "3",
            "payments-refund-owed": "4",
            "relay": "0",
            "authorize": "0",
            "other": "2",
        },
        "RRU a step",
        "measured: as above; a page of 50 reads each product's stock",
    )
    read_units_per_line: Times = _take(
        {"quote": "1", "products-order-created": "2"}, "RRU a line above three", "measured with 3 and with 101 lines"
    )
    aws_calls: Times = _take(
        {
            "place_order": "1",
            "quote": "1",
            "get_order": "1",
            "get_product": "2",
            "list_products": "2",
            "return_items": "2",
            "open_session": "2",
            "find_contacts": "1",
            "products-order-created": "4",
            "products-order-returned": "5",
            "payments-stock-reserved": "4",
            "payments-order-returned": "4",
            "payments-refund-owed": "5",
            "relay": "2",
            "authorize": "0",
            "other": "3",
        },
        "calls of AWS a step",
        "measured: those of DynamoDB; a relay also publishes",
    )
    schedule_calls: Times = _take(
        {"products": "194", "orders": "96", "payments": "129", "other": "64"},
        "calls a minute",
        "measured: the sweep asks each of the 64 slots of an outbox; the rest is rounds. Those of an hour are left out",
    )
    schedule_read_units: Times = _take(
        {"products": "130", "orders": "80", "payments": "97", "other": "64"},
        "RRU a minute",
        "measured: an empty answer costs a unit, or half of one",
    )
    stream_reads_billed: Share = _take(
        "0", "share of reads", "AWS bills no read of a Lambda trigger; 1 for other readers"
    )
    item_bytes_kept: Some = _take(
        "8000", "bytes an order", "measured: 5,100 in tables without the sandbox's; about 15 entries of indexes"
    )
    item_bytes_kept_per_line: Some = _take("90", "bytes a line", "measured: 8,900 more for 98 lines more")

    # Messages
    events_per_batch: More = _take("1", "events", "pessimistic: below some ten orders/s a poll finds one; ten at most")
    pollers_per_queue: Some = _take("5", "pollers", "Lambda's least for an SQS trigger, idle or not")
    long_poll_s: More = _take("20", "seconds", "how long an empty poll waits: SQS' most")

    # Containers
    order_cpu_us: Times = _take(
        {
            "gateway": "1450",
            "users": "200",
            "products": "400",
            "orders": "2700",
            "payments": "270",
            "notifications": "650",
            "postgresql": "2900",
        },
        "us of a core an order",
        "measured on a busy machine, placed to delivered; on a quiet one it was 60 % of that",
    )
    read_cpu_us: Times = _take(
        {"gateway": "325", "products": "260", "orders": "40", "postgresql": "150"},
        "us of a core a read",
        "measured, in the shares above",
    )
    sign_in_cpu_us: Times = _take(
        {"gateway": "400", "users": "215000", "postgresql": "500"},
        "us of a core a sign-in",
        "measured: argon2 is meant to be slow",
    )
    idle_cores: Some = _take("0.01", "cores a process", "measured: a look a second at each queue")
    task_vcpu: More = _take("0.25", "vCPU", "what user-service asks for, and Fargate's least")
    task_gb: More = _take("0.5", "GB", "what user-service may use, and Fargate's least")
    tasks_at_least: Some = _take("2", "tasks a service", "one in each of two zones")
    target_utilisation: More = _take(
        "0.6", "share of a vCPU", "autoscaling's target: room for a burst and for a lost zone"
    )
    requests_per_connection: More = _take("10", "requests", "browsers keep a connection for a page or two")
    zones: Some = _take("2", "zones", "the least for Multi-AZ and for a load balancer")
    nat_gateways: Some = _take("2", "gateways", "one a zone: the payment provider is outside")
    nat_bytes_per_order: Some = _take("15000", "bytes", "the provider's TLS and answer, a mail, logs on their way out")
    interface_endpoints: Some = _take("0", "endpoints a zone", "what is behind them goes through the NAT gateways")
    cross_zone_bytes_per_order: Some = _take(
        "10000", "bytes", "calls, queries and events; half of them change the zone"
    )
    cross_zone_bytes_per_read: Some = _take("5000", "bytes", "as above")
    events_on_sns: bool = _take(value=False, unit="yes or no", reason="the queues are tables in PostgreSQL")
    images_kept: Some = _take("60", "images", "ten of each of six")
    image_gb: Some = _take("0.15", "GB", "a slim Python with one service")
    node_vcpu: More = _take("2", "vCPU", "m7i-flex.large")
    node_gb: More = _take("8", "GB", "m7i-flex.large")
    node_usable_share: More = _take("0.85", "share of a node", "the rest is the kubelet's and the cluster's own pods")
    nodes_at_least: Some = _take("2", "nodes", "one in each of two zones")
    node_disk_gb: Some = _take("20", "GB a node", "EKS' own default")

    # PostgreSQL
    row_bytes_kept: Some = _take("10000", "bytes an order", "measured: growth of all five databases' files")
    storage_headroom: More = _take("1.3", "times", "free space for vacuum, WAL and a bad day")
    storage_gb_at_least: Some = _take("20", "GB", "the least that RDS gives of gp3")
    writes_per_order: Some = _take(
        "15", "I/O operations", "commits that are not grouped, pages and WAL, both copies as one"
    )

    # Around it
    alarms_per_queue: Some = _take("2", "alarms", "containers: age of the oldest message, dead letters")
    alarms_per_service: Some = _take("2", "alarms", "containers: errors, latency")
    kms_keys: Some = _take("5", "keys", "functions: tables, bus, secrets, logs; and the state's")
    kms_keys_per_service: Some = _take("1", "keys", "containers: each service's data is encrypted with its own")
    kms_requests_per_hour: Some = _take(
        "24", "requests an hour a table, topic, queue or key", "data keys are used for five minutes"
    )
    secrets_per_service: Some = _take("2", "secrets", "containers: signing key and database or provider")
    secret_requests: Some = _take("10000", "requests", "new sandboxes and tasks read theirs once")


def read_assumptions(path: Path | None = None) -> Assumptions:
    """The assumptions, with those that a TOML file gives in their place. Raises CostError."""
    given = {} if path is None else read_toml(path)
    kinds = get_type_hints(Assumptions, include_extras=True)
    unknown = sorted(given.keys() - kinds.keys())
    if unknown:
        raise CostError(f"{path}: there is no assumption {unknown[0]}")
    read: dict[str, Any] = {name: _read(path, name, kinds[name], given[name]) for name in given}
    return dataclasses.replace(Assumptions(), **read)


def told(assumptions: Assumptions) -> Iterator[tuple[str, object, str, str]]:
    """Each assumption: name, value, unit, reason."""
    for each in dataclasses.fields(assumptions):
        yield each.name, getattr(assumptions, each.name), each.metadata["unit"], each.metadata["reason"]


def _read(path: Path | None, name: str, kind: Any, value: object) -> object:
    """A value from a file, as its field wants it. A table changes the entries that it names. Raises CostError."""
    try:
        if kind == Times:
            return getattr(Assumptions(), name) | _entries(name, msgspec.convert(value, dict[str, Decimal]))
        read = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise CostError(f"{path}: {name}: {error}") from None
    bounds: Mapping[str, int] = next((each.extra for each in getattr(kind, "__metadata__", ()) if each.extra), {})
    if isinstance(read, Decimal) and not _within(read, bounds):
        raise CostError(f"{path}: {name} can't be {read}")
    return read


def _entries(name: str, given: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    for key, value in given.items():
        if not _within(value, {"least": 0}):
            raise CostError(f"{name}: {key} can't be {value}")
    return given


def _within(value: Decimal, bounds: Mapping[str, int]) -> bool:
    return (
        value.is_finite()
        and value >= bounds.get("least", 0)
        and value <= bounds.get("most", 10**12)
        and (value > 0 or "above" not in bounds)
    )
