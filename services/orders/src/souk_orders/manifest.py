"""What the orders service owns, offers, calls, publishes and consumes."""

from souk_chassis.manifest import Consumer, Part, Service, Uses
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
    owns=[ORDERS, PARTS, KEYS],
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
    parts={
        Part.HTTP: Uses(writes=[ORDERS, PARTS, KEYS, EVENTS], calls=[Quote], signs=True),
        Part.CALLS: Uses(reads=[ORDERS]),
        Part.EVENTS: Uses(writes=[ORDERS, PARTS, KEYS]),
    },
)
