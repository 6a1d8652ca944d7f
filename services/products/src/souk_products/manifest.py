"""The declaration of the products service."""

from souk_chassis.manifest import Consumer, Part, Service, Uses
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
from souk_products.tables import PRODUCTS, RESERVATIONS

service = Service(
    "products",
    "product-service",
    owns=[PRODUCTS, RESERVATIONS],
    implements={
        ListProducts: list_products,
        GetProduct: get_product,
        PutProduct: put_product,
        AdjustInventory: adjust_inventory,
        Quote: quote,
        GetStockBooks: get_stock_books,
        GetReservationBooks: get_reservation_books,
    },
    publishes=[StockReserved, StockRejected],
    consumes={
        OrderCreated: Consumer(apply=on_order_created),
        OrderCancelled: Consumer(apply=on_order_cancelled),
        OrderReturned: Consumer(apply=on_order_returned),
        OrderOverdue: Consumer(apply=on_order_overdue),
    },
    parts={
        Part.HTTP: Uses(reads=[RESERVATIONS], writes=[PRODUCTS]),
        Part.CALLS: Uses(reads=[PRODUCTS]),
        Part.EVENTS: Uses(writes=[PRODUCTS, RESERVATIONS], calls=[FindOrderStates]),
    },
)
