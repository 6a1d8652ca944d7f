"""The shop in containers: a service of two tasks or more for each, on Fargate or on EKS' nodes, with PostgreSQL."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from souk_topologies.cost.around import (
    add_keys,
    add_messages,
    add_outside,
    add_watching,
    requests_per_order,
    writes_per_order,
)
from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.database import add_database
from souk_topologies.cost.load import HOURS, Load, Span, spans
from souk_topologies.cost.parts import GB, Bill
from souk_topologies.cost.saga import Saga

GATEWAY = "gateway"
DATABASE = "postgresql"
_US = Decimal(1_000_000)
_LCU_CONNECTIONS_PER_S = Decimal(25)
_WAYS = 2
"""A byte between zones is billed where it leaves and where it comes in."""


def add_ecs(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> int:
    """All parts of the shop on ECS with Fargate. Returns how many database instances it takes."""
    hours = Decimal(0)
    for span in spans(load, assumed.peak_hours_a_day):
        hours += span.hours * sum(tasks(load, span, saga, assumed).values(), Decimal(0))
    bill.add("Fargate: processors", hours * assumed.task_vcpu, "fargate_vcpu_hour")
    bill.add("Fargate: memory", hours * assumed.task_gb, "fargate_gb_hour")
    return _add_rest(bill, load, saga, assumed)


def add_eks(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> int:
    """All parts of the shop on EKS with nodes of its own. Returns how many database instances it takes."""
    hours = Decimal(0)
    for span in spans(load, assumed.peak_hours_a_day):
        hours += span.hours * nodes(sum(tasks(load, span, saga, assumed).values(), Decimal(0)), assumed)
    bill.add("EKS: cluster", HOURS, "eks_cluster_hour")
    bill.add("EC2: nodes", hours, "ec2_m7i_flex_large_hour")
    bill.add("EBS: the nodes' disks", hours / HOURS * assumed.node_disk_gb, "ebs_gp3_gb")
    return _add_rest(bill, load, saga, assumed)


def cores(component: str, load: Load, span: Span, assumed: Assumptions) -> Decimal:
    """Cores that a service, the gateway or PostgreSQL keeps busy, without what it does when idle."""
    us = (
        _us(assumed.order_cpu_us, component)
        + load.reads_per_order * _us(assumed.read_cpu_us, component)
        + assumed.sign_ins_per_order * _us(assumed.sign_in_cpu_us, component)
    )
    return span.orders_per_s * us / _US


def tasks(load: Load, span: Span, saga: Saga, assumed: Assumptions) -> Mapping[str, Decimal]:
    """Tasks of the gateway and of each service in that span."""
    each = assumed.task_vcpu * assumed.target_utilisation
    needed = {name: cores(name, load, span, assumed) for name in (GATEWAY, *saga.services)}
    return {
        name: max(assumed.tasks_at_least, _whole((need + assumed.idle_cores) / each)) for name, need in needed.items()
    }


def nodes(pods: Decimal, assumed: Assumptions) -> Decimal:
    """Nodes that hold so many pods, by processors and by memory."""
    by_vcpu = pods * assumed.task_vcpu / (assumed.node_vcpu * assumed.node_usable_share)
    by_gb = pods * assumed.task_gb / (assumed.node_gb * assumed.node_usable_share)
    return max(assumed.nodes_at_least, _whole(max(by_vcpu, by_gb)))


def _add_rest(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> int:
    times = spans(load, assumed.peak_hours_a_day)
    requests = load.orders * requests_per_order(load, assumed)
    _add_balancer(bill, load, assumed, times)
    vcpu = tuple(cores(DATABASE, load, span, assumed) for span in times)
    databases = add_database(bill, load, (vcpu[0], vcpu[1]), times, assumed)
    _add_network(bill, load, assumed)
    bill.add("ECR: images", assumed.images_kept * assumed.image_gb, "ecr_gb")
    if assumed.events_on_sns:
        add_messages(bill, load, saga, assumed)
    add_outside(bill, load, saga, assumed)
    logged = load.orders * assumed.log_bytes_per_order + requests * assumed.access_log_bytes_per_request
    services = len(saga.services)
    add_watching(bill, logged, assumed.alarms_per_queue * saga.queues + assumed.alarms_per_service * services)
    keys = assumed.kms_keys_per_service * services
    users = keys + (saga.queues if assumed.events_on_sns else 0)
    add_keys(bill, keys, users, assumed.secrets_per_service * services, assumed)
    return databases


def _add_balancer(bill: Bill, load: Load, assumed: Assumptions, times: tuple[Span, Span]) -> None:
    """The load balancer: its hours, and what it is billed by, new connections or gigabytes an hour."""
    requests = requests_per_order(load, assumed)
    size = load.reads_per_order * assumed.response_bytes_per_read
    size += writes_per_order(assumed) * assumed.response_bytes_per_write
    units = Decimal(0)
    for span in times:
        connections = span.orders_per_s * requests / assumed.requests_per_connection / _LCU_CONNECTIONS_PER_S
        units += span.hours * max(connections, span.orders_per_s * 3600 * size / GB)
    bill.add("Load balancer", HOURS, "alb_hour")
    bill.add("Load balancer: capacity", units, "alb_lcu_hour")


def _add_network(bill: Bill, load: Load, assumed: Assumptions) -> None:
    out_gb = load.orders * assumed.nat_bytes_per_order / GB
    bill.add("NAT: gateways", assumed.nat_gateways * HOURS, "nat_hour")
    if assumed.nat_gateways:
        bill.add("NAT: bytes", out_gb, "nat_gb")
    if assumed.interface_endpoints:
        bill.add("VPC: endpoints", assumed.interface_endpoints * assumed.zones * HOURS, "endpoint_hour")
        bill.add("VPC: bytes through endpoints", out_gb, "endpoint_gb")
    bill.add("Public addresses", (assumed.zones + assumed.nat_gateways) * HOURS, "public_address_hour")
    crossed = assumed.cross_zone_bytes_per_order + load.reads_per_order * assumed.cross_zone_bytes_per_read
    bill.add("Between zones", _WAYS * load.orders * crossed / GB, "cross_zone_gb")


def _us(by_component: Mapping[str, Decimal], component: str) -> Decimal:
    return by_component.get(component, Decimal(0))


def _whole(count: Decimal) -> Decimal:
    return count.to_integral_value(ROUND_CEILING)
