"""What the orders service owns, offers, calls, publishes and consumes."""

from souk_chassis.manifest import Consumer, Database, Part, Service, Uses
from souk_chassis.queues import queue_operations
from souk_contracts.orders import (
    CancelOrder,
    DeliverOrder,
    FindOrderStates,
    FollowOrder,
    GetOrder,
    GetOrderBooks,
    ListOrders,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    OrderDelivered,
    OrderOverdue,
    OrderRejected,
    OrderReturned,
    OrderShipped,
    PlaceOrder,
    ReturnItems,
    ShipOrder,
)
from souk_contracts.payments import PaymentCaptured, PaymentDeclined
from souk_contracts.products import Quote, StockRejected, StockReserved
from souk_orders import consumers, operations
from souk_orders.tables import EVENTS, KEYS, ORDERS, PARTS

RESERVED_PACE_S = 1.0
RESERVED_BATCH = 4_096
"""Under load the news of the payment overtakes that of the reservation, and both steps are written at once. So the
reservations' are looked at once a second, in large batches; alone, one waits for nothing."""

service = Service(
    "orders",
    "order-service",
    owns=[Database("souk_orders"), ORDERS, PARTS, KEYS, EVENTS],
    implements={
        PlaceOrder: operations.place_order,
        GetOrder: operations.get_order,
        ListOrders: operations.list_orders,
        CancelOrder: operations.cancel_order,
        ShipOrder: operations.ship_order,
        DeliverOrder: operations.deliver_order,
        ReturnItems: operations.return_items,
        FollowOrder: operations.follow_order,
        FindOrderStates: operations.find_order_states,
        GetOrderBooks: operations.get_order_books,
        **queue_operations(
            "orders",
            frozenset(
                {
                    "orders-stock-reserved",
                    "orders-stock-rejected",
                    "orders-payment-captured",
                    "orders-payment-declined",
                }
            ),
        ),
    },
    publishes=[
        OrderCreated,
        OrderOverdue,
        OrderConfirmed,
        OrderRejected,
        OrderCancelled,
        OrderShipped,
        OrderDelivered,
        OrderReturned,
    ],
    consumes={
        StockReserved: Consumer(consumers.on_stock_reserved, batch=RESERVED_BATCH, pace_s=RESERVED_PACE_S),
        StockRejected: Consumer(consumers.on_stock_rejected, writes=2),  # the short items may lie apart
        PaymentCaptured: Consumer(consumers.on_payment_captured),
        PaymentDeclined: Consumer(consumers.on_payment_declined),
    },
    calls=[Quote],
    parts={
        Part.HTTP: Uses(
            tables={
                ORDERS: "GetItem BatchGetItem Query:byCustomer Query:byStatus Query:byTime Query:byId PutItem",
                PARTS: "GetItem BatchGetItem PutItem",
                KEYS: "GetItem BatchGetItem PutItem",
                EVENTS: "GetItem Query PutItem",
            },
            calls=[Quote],
            signs=True,
        ),
        Part.CALLS: Uses(tables={ORDERS: "BatchGetItem"}),
        Part.EVENTS: Uses(
            tables={
                ORDERS: "BatchGetItem Query:open PutItem",
                PARTS: "BatchGetItem PutItem",
                KEYS: "Query:byAge DeleteItem",
                EVENTS: "BatchGetItem Query PutItem BatchWriteItem",
            },
        ),
    },
)
