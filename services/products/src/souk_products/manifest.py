"""The declaration of the products service."""

from souk_chassis.manifest import Consumer, Database, Part, Service, Uses
from souk_chassis.queues import queue_operations
from souk_contracts.orders import FindOrderStates, OrderCancelled, OrderCreated, OrderOverdue, OrderReturned
from souk_contracts.products import (
    AdjustInventory,
    GetProduct,
    GetReservationBooks,
    GetStockBooks,
    ListProducts,
    PutProduct,
    Quote,
    StockRejected,
    StockReserved,
)
from souk_products.consumers import on_order_cancelled, on_order_created, on_order_overdue, on_order_returned
from souk_products.operations import (
    adjust_inventory,
    get_product,
    get_reservation_books,
    get_stock_books,
    list_products,
    put_product,
    quote,
)
from souk_products.tables import EVENTS, PRODUCTS, RESERVATIONS

QUEUES = frozenset(
    {
        "products-order-created",
        "products-order-cancelled",
        "products-order-returned",
        "products-order-overdue",
    }
)

ORDER_WRITES = 4
"""Items of DynamoDB for one order: its reservation, and the stock of three products. Where the orders of a batch have
more, so that a transaction has no room for them, they are handled one by one."""

service = Service(
    "products",
    "product-service",
    owns=[Database("souk_products"), PRODUCTS, RESERVATIONS, EVENTS],
    implements={
        ListProducts: list_products,
        GetProduct: get_product,
        PutProduct: put_product,
        AdjustInventory: adjust_inventory,
        Quote: quote,
        GetStockBooks: get_stock_books,
        GetReservationBooks: get_reservation_books,
        **queue_operations("products", QUEUES),
    },
    publishes=[StockReserved, StockRejected],
    consumes={
        OrderCreated: Consumer(apply=on_order_created, writes=ORDER_WRITES),
        OrderCancelled: Consumer(apply=on_order_cancelled, writes=ORDER_WRITES),
        OrderReturned: Consumer(apply=on_order_returned, writes=ORDER_WRITES),
        OrderOverdue: Consumer(apply=on_order_overdue, writes=ORDER_WRITES),
    },
    calls=[FindOrderStates],
    parts={
        Part.HTTP: Uses(
            tables={
                PRODUCTS: "GetItem BatchGetItem Query:byName Query:byId PutItem UpdateItem",
                RESERVATIONS: "Query",
                EVENTS: "GetItem Query",
            }
        ),
        Part.CALLS: Uses(tables={PRODUCTS: "BatchGetItem"}),
        Part.EVENTS: Uses(
            tables={
                PRODUCTS: "GetItem BatchGetItem UpdateItem",
                RESERVATIONS: "GetItem BatchGetItem Query Query:byAge PutItem UpdateItem DeleteItem BatchWriteItem",
                EVENTS: "BatchGetItem Query PutItem BatchWriteItem",
            },
            calls=[FindOrderStates],
        ),
    },
)
