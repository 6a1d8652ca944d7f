"""PostgreSQL on RDS, Multi-AZ: the smallest instance that carries the busiest hour, and its storage."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.load import HOURS, Load, Span
from souk_topologies.cost.parts import GB, Bill

_COPIES = 2
"""Multi-AZ: the instance, and its standby in another zone."""

_SMALL_STORAGE_IOPS = Decimal(3_000)
_LARGE_STORAGE_GB = Decimal(400)
_LARGE_STORAGE_IOPS = Decimal(12_000)


@dataclass(frozen=True, slots=True)
class Instance:
    """A size of RDS instance. `lasting_vcpu` is what it does for hours; a burstable one does more for a while."""

    price: str
    vcpu: Decimal
    lasting_vcpu: Decimal


INSTANCES = (
    # T4g: 20 % of each vCPU lasts (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html).
    Instance("rds_t4g_small_hour", Decimal(2), Decimal("0.4")),
    Instance("rds_t4g_medium_hour", Decimal(2), Decimal("0.4")),
    Instance("rds_m7g_large_hour", Decimal(2), Decimal(2)),
    Instance("rds_m7g_xlarge_hour", Decimal(4), Decimal(4)),
    Instance("rds_m7g_2xlarge_hour", Decimal(8), Decimal(8)),
)
"""From small to large. The first, with 2 GB of memory, is for a shop that few visit."""

_IDLE_VCPU = Decimal("0.05")


def choose(busy_vcpu: Decimal, mean_vcpu: Decimal, utilisation: Decimal) -> tuple[Instance, int]:
    """The instance that carries this, and how many of it: services have databases of their own, and can be parted.

    The smallest carries up to `_IDLE_VCPU`; above the largest there are several.
    """
    for instance in INSTANCES[1:] if busy_vcpu > _IDLE_VCPU else INSTANCES:
        if busy_vcpu <= instance.vcpu * utilisation and mean_vcpu <= instance.lasting_vcpu * utilisation:
            return instance, 1
    largest = INSTANCES[-1]
    return largest, int((busy_vcpu / (largest.vcpu * utilisation)).to_integral_value(ROUND_CEILING))


def add_database(
    bill: Bill, load: Load, vcpu: tuple[Decimal, Decimal], times: tuple[Span, Span], assumed: Assumptions
) -> int:
    """Add instances, storage, operations; `vcpu` is what PostgreSQL needs in each span. Returns how many instances."""
    mean = sum((need * span.hours for need, span in zip(vcpu, times, strict=True)), Decimal(0)) / HOURS
    instance, count = choose(max(vcpu), mean, assumed.target_utilisation)
    bill.add("RDS: PostgreSQL, Multi-AZ", _COPIES * count * HOURS, instance.price)
    iops = max(span.orders_per_s for span in times) * assumed.writes_per_order
    stored = load.orders * assumed.months_kept * assumed.row_bytes_kept / GB * assumed.storage_headroom
    storage = max(stored, assumed.storage_gb_at_least, _LARGE_STORAGE_GB if iops > _SMALL_STORAGE_IOPS else Decimal(0))
    bill.add("RDS: storage", storage, "rds_storage_gb")
    bill.add("RDS: operations bought", max(iops - _LARGE_STORAGE_IOPS, Decimal(0)), "rds_iops")
    return count
