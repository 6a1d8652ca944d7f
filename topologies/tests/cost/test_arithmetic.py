"""Bills worked out by hand from the shipped prices and assumptions, for 1,000,000 orders a month if not told otherwise.

Who changes a price or an assumption works them out anew.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest

from souk_topologies.cost.estimate import HOURS, TOPOLOGIES, Estimate, Load, Part, names_of
from topologies.tests.cost.conftest import SHOP, assume

Bill = Callable[..., tuple[Estimate, dict[str, Part]]]


def money(parts: dict[str, Part], name: str) -> str:
    return str(parts[name].usd)


def test_requests_of_the_shop_on_lambda(bill: Bill) -> None:
    _, parts = bill("lambda")
    # Placing 1, shipping and delivering 2, signing in 0.2, reading 20: 23.2 an order, at 1.00 a million.
    assert parts["API Gateway: HTTP requests"].quantity == 23_200_000
    assert money(parts, "API Gateway: HTTP requests") == "23.20"
    # Those, a return 0.05; the authorizer for placing, staff, returns and a tenth of the reads: 5.05; the quote 1; 7.2
    # events heard: OrderCreated 1, StockReserved 2, PaymentCaptured 1, OrderConfirmed 1, OrderShipped 1,
    # OrderDelivered 1, OrderReturned 3 x 0.05, RefundOwed 0.05; where to mail to, 3.05; and an invocation for each of
    # 6.15 events published. 23.25 + 5.05 + 1 + 7.2 + 3.05 + 6.15 = 45.7 an order. The clock: 5 services x 43,800
    # minutes. At 0.20 a million.
    assert parts["Lambda: requests"].quantity == 45_700_000 + 219_000
    assert money(parts, "Lambda: requests") == "9.18"


def test_the_time_of_one_function(bill: Bill) -> None:
    _, parts = bill("lambda")
    # 512 MB is 512/1769 of a core: 1 ms of a core takes 3.455 ms. Each invocation carries 1 % of 200 ms of cold starts.
    # payments hears StockReserved: (1 + 4 calls x 0.4) x 3.455 + 4 x 8 + 500 of the provider + 2 = 542.98: 543 billed.
    # RefundOwed asks the provider too: (1 + 2) x 3.455 + 40 + 500 + 2 = 552.4: 0.05 x 553 = 27.65. OrderReturned does
    # not: (1 + 1.6) x 3.455 + 32 + 2 = 42.98: 0.05 x 43 = 2.15. It publishes 1.1 events, with 2 calls each:
    # (1 + 0.8) x 3.455 + 16 + 2 = 24.2: 25 x 1.1 = 27.5. 600.3 ms an order x 0.5 GB = 300,150 GB-s.
    # By the clock: 129 calls, 64 at a time: (1 + 51.6) x 3.455 + 3 x 8 + 2 = 207.7: 208 ms x 43,800 x 0.5 GB = 4,555.2.
    assert parts["Lambda: payments"].quantity == 300_150 + Decimal("4555.2")
    assert money(parts, "Lambda: payments") == "5.08"  # at 0.0000166667


def test_snapshots(bill: Bill) -> None:
    _, parts = bill("lambda")
    # Five functions that answer, the gateway, the authorizer: 7 x 0.5 GB x 2,628,000 s at 0.0000015046.
    assert parts["Lambda: snapshots kept"].quantity == 9_198_000
    assert money(parts, "Lambda: snapshots kept") == "13.84"
    # A hundredth of 23.25 + 5.05 invocations an order restores 0.5 GB: 141,500 GB at 0.0001397998.
    assert parts["Lambda: snapshots restored"].quantity == 141_500
    assert money(parts, "Lambda: snapshots restored") == "19.78"
    _, without = bill("lambda", snap_start=False)
    assert not [name for name in without if "snapshots" in name]


def test_dynamodb(bill: Bill) -> None:
    _, parts = bill("lambda")
    # Placing 9, shipping and delivering 12; products 13; orders 8 + 9; payments 8; three mails 21; a return
    # 0.05 x (6 + 8 + 8 + 7 + 8 of the refund) = 1.85; 6.15 items leave the outbox.
    # 9 + 12 + 13 + 17 + 8 + 21 + 1.85 + 6.15 = 88 WRU an order, at 0.625 a million.
    assert parts["DynamoDB: writes"].quantity == 88_000_000
    assert money(parts, "DynamoDB: writes") == "55.00"
    # Looking: 2 orders, 18 x 0.8 products at 2, 18 x 0.2 pages at 54: 2 + 28.8 + 194.4 = 225.2. Prices 3; staff 2 x 2;
    # signing in 0.2 x 2; products 5, orders 2 x 2, payments 3, mails 3 x (2 + 1) = 21; a return
    # 0.05 x (1 + 4 + 3 + 2 + 1 + 4) = 0.75. 225.2 + 3 + 4 + 0.4 + 21 + 0.75 = 254.35 RRU, at 0.125 a million.
    assert parts["DynamoDB: reads"].quantity == 254_350_000
    assert money(parts, "DynamoDB: reads") == "31.79"
    # 64 + 130 + 80 + 97 + 64 = 435 a minute x 43,800.
    assert parts["DynamoDB: reads by the clock"].quantity == 19_053_000
    assert money(parts, "DynamoDB: reads by the clock") == "2.38"
    # 12 months x 1,000,000 x 8,000 bytes = 89.407 GB at 0.25, and at 0.20.
    assert (money(parts, "DynamoDB: storage"), money(parts, "DynamoDB: point-in-time recovery")) == ("22.35", "17.88")


def test_messages_and_mails(bill: Bill) -> None:
    _, parts = bill("lambda")
    # 6.15 events an order, each below 64 KB, at 0.50 a million = 3.075.
    assert money(parts, "SNS: events published") == "3.08"
    # 7.2 heard, each sent, received and deleted: 21.6 requests an order at 0.40 a million.
    assert money(parts, "SQS: events sent, received, deleted") == "8.64"
    # 20 queues x 5 pollers x 2,628,000 s / 20 s = 13,140,000 empty looks at 0.40 a million.
    assert money(parts, "SQS: looks at empty queues") == "5.26"
    # Confirmed, shipped, delivered, and one in twenty returned: 3.05 mails at 0.00016.
    assert money(parts, "SES: mails") == "488.00"


def test_containers_at_rest(bill: Bill) -> None:
    _, parts = bill("ecs")
    # The gateway and four services with two tasks each, users with three: 13 x 730 h x 0.25 vCPU = 2,372.5 at 0.04048,
    # x 0.5 GB = 4,745 at 0.004445.
    assert (money(parts, "Fargate: processors"), money(parts, "Fargate: memory")) == ("96.04", "21.09")
    assert money(parts, "ECR: images") == "2.70"  # 30 of each of six, 0.15 GB each, at 0.10
    assert money(parts, "Load balancer") == "16.43"  # 730 h x 0.0225 = 16.425
    # PostgreSQL needs little: the smallest instance, and its standby: 1,460 h x 0.032.
    assert (parts["RDS: PostgreSQL, Multi-AZ"].price, money(parts, "RDS: PostgreSQL, Multi-AZ")) == (
        "rds_t4g_small_hour",
        "46.72",
    )
    # 12 months x 1,000,000 x 10,000 bytes x 1.3 = 145.29 GB at 0.23.
    assert money(parts, "RDS: storage") == "33.42"
    assert money(parts, "NAT: gateways") == "65.70"  # 2 x 730 h x 0.045


def test_kubernetes_at_rest(bill: Bill) -> None:
    _, parts = bill("eks")
    # 13 pods x 0.25 = 3.25 vCPU on nodes with 2 x 0.85 = 1.7: two nodes, 1,460 h x 0.096 = 140.16.
    assert (money(parts, "EKS: cluster"), money(parts, "EC2: nodes")) == ("73.00", "140.16")
    assert money(parts, "EBS: the nodes' disks") == "3.20"  # 2 x 20 GB x 0.08


def test_containers_at_work(bill: Bill) -> None:
    """100,000,000 orders: 38.05 a second on average, 152.2 in four hours of the day, 15.22 in the others."""
    load = Load(Decimal(100_000_000))
    names = names_of(SHOP, load, assume())
    assert (round(names["busy_rate"], 1), round(names["quiet_rate"], 2)) == (Decimal("152.2"), Decimal("15.22"))
    assert names["busy_hours"] + names["quiet_hours"] == HOURS
    _, parts = bill("ecs", load)
    # Microseconds of a core an order with its reads and sign-ins: gateway 1,450 + 20 x 325 + 80 = 8,030; users 43,200;
    # products 5,600; orders 3,500; payments 270; notifications 650. A task gives 0.25 x 0.6 = 0.15; idle work is 0.01.
    # In the busy hours: gateway 1.232 cores: 9 tasks; users 6.585: 44; products 0.862: 6; orders 0.543: 4;
    # payments 0.051 and notifications 0.109: 2 each. 67 tasks. In the quiet ones: users 0.667: 5; the others 2: 15.
    # 67 x 121.667 h + 15 x 608.333 h = 17,276.67 task-hours x 0.25.
    assert round(parts["Fargate: processors"].quantity, 2) == Decimal("4319.17")
    # PostgreSQL: 2,900 + 20 x 150 + 0.2 x 500 = 6,000 us an order: 0.913 cores at the peak, 0.228 on average.
    # A db.t4g.medium lasts at 0.4 x 0.6 = 0.24, and does 1.2 at the peak: 1,460 h x 0.065.
    assert money(parts, "RDS: PostgreSQL, Multi-AZ") == "94.90"


def test_money_in_sum(bill: Bill) -> None:
    for topology in TOPOLOGIES:
        made, parts = bill(topology)
        assert made.usd == pytest.approx(sum(part.usd for part in parts.values()), abs=Decimal("0.2"))
        idle, _ = bill(topology, Load(Decimal(0)))
        assert idle.usd == made.idle_usd


def test_what_an_idle_shop_pays_for(bill: Bill) -> None:
    idle, parts = bill("lambda", Load(Decimal(0)))
    # Snapshots 13.839; looks at 20 empty queues 5.256; 62 alarms 6.20; 5 keys 5.00; reads by the clock 2.382; 17 tables
    # x 24 x 730 requests 0.894; 5 secrets 2.00 and 10,000 requests 0.05; 219,000 ticks 0.219 and invocations 0.044;
    # 19,118.7 GB-s 0.319; their log lines 0.041 and 0.002. Together 36.246.
    assert str(idle.usd) == "36.25"
    assert {name for name, part in parts.items() if part.quantity} == {
        "Lambda: requests",
        *(f"Lambda: {service}" for service in ("users", "products", "orders", "payments", "notifications")),
        "Lambda: snapshots kept",
        "EventBridge: ticks of the clock",
        "DynamoDB: reads by the clock",
        "SQS: looks at empty queues",
        "CloudWatch: logs taken in",
        "CloudWatch: logs kept",
        "CloudWatch: alarms",
        "KMS: keys",
        "KMS: requests",
        "Secrets Manager: secrets",
        "Secrets Manager: requests",
    }


def test_wide_events_are_several_publishes(bill: Bill) -> None:
    # 700 + 2,000 x 60 bytes are two chunks of 64 KB.
    _, parts = bill("lambda", Load(Decimal(1_000_000), lines=2_000))
    assert parts["SNS: events published"].quantity == 2 * 6_150_000


def test_other_ways_to_build_it(bill: Bill) -> None:
    _, rest = bill("lambda", api="rest")
    assert money(rest, "API Gateway: REST requests") == "81.20"  # 23.2 million at 3.50
    _, private = bill("ecs", nat_gateways=0, interface_endpoints=6)
    assert "NAT: bytes" not in private
    assert money(private, "VPC: endpoints") == "87.60"  # 6 in each of 2 zones x 730 h x 0.01
    _, aws_bus = bill("ecs", events_on_sns=True)
    assert money(aws_bus, "SNS: events published") == "3.08"


@pytest.mark.parametrize("peak", [1, 4, 6, 7, 1000])
def test_a_day_holds_all_orders(peak: int) -> None:
    load = Load(Decimal(1_000_000), peak=Decimal(peak))
    names = names_of(SHOP, load, assume())
    placed = sum(3600 * names[f"{time}_hours"] * names[f"{time}_rate"] for time in ("busy", "quiet"))
    assert round(placed, 6) == load.orders
