"""Products: the catalogue, prices, and stock."""

from datetime import datetime
from typing import Annotated

import msgspec

from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.events.event import Event
from souk_chassis.ids import Id
from souk_chassis.money import Money
from souk_chassis.operation import GET, PATCH, PUT, Access, Operation
from souk_chassis.text import Cursor, LongText, Query, ShortText
from souk_chassis.wire import Lenient, Message
from souk_contracts.shop import MAX_LINES, MAX_QUANTITY, MAX_STOCK, BookRequest, Limit

MAX_SHARDS = 48
"""The most items that DynamoDB keeps a product's stock in: a transaction of 100 has room for two for each of them."""

ProductNotFound = ErrorType(ErrorKind.NOT_FOUND, "product_not_found", "There is no such product.")
StockBelowZero = ErrorType(ErrorKind.CONFLICT, "stock_below_zero", "That would leave less than nothing in stock.")
PriceOutOfRange = ErrorType(ErrorKind.INVALID, "price_out_of_range", "A price is at least 0.01.")
WrongCurrency = ErrorType(ErrorKind.INVALID, "wrong_currency", "This shop sells in one currency, and not in this one.")

Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}(?!\n)$", description="An ISO 4217 code")]
Inventory = Annotated[int, msgspec.Meta(ge=0, le=MAX_STOCK, description="Units in stock")]


class ProductRef(Message, frozen=True, kw_only=True):
    """One product, by id."""

    product_id: Id


class ProductQuery(Message, frozen=True, kw_only=True):
    """A search in names and ids; without `q` all products, by name."""

    q: Query | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class Product(Lenient, frozen=True, kw_only=True):
    """A product as the catalogue shows it."""

    product_id: str
    name: str
    description: str
    price: Money
    currency: str
    inventory: int
    updated_at: datetime


class ProductPage(Lenient, frozen=True, kw_only=True):
    """A page of the catalogue."""

    items: tuple[Product, ...]
    next: str | None


class ProductContent(Message, frozen=True, kw_only=True):
    """A product to be made or changed. `inventory` left out keeps the stock (0 for a new product)."""

    product_id: Id
    name: ShortText
    price: Money
    inventory: Inventory | None = None
    description: LongText = ""
    currency: Currency | None = None


Shards = Annotated[
    int, msgspec.Meta(ge=1, le=MAX_SHARDS, description="Split a hot product's stock over so many items of DynamoDB")
]


class InventoryChange(Message, frozen=True, kw_only=True):
    """A stock correction. `shards` is for a product that is about to be sold many times a second: on DynamoDB its stock
    is split over at least so many items, never fewer again; on PostgreSQL it changes nothing."""

    product_id: Id
    delta: Annotated[int, msgspec.Meta(ge=-MAX_QUANTITY, le=MAX_QUANTITY, description="Units added, or taken if < 0")]
    shards: Shards | None = None


class InventoryNow(Lenient, frozen=True, kw_only=True):
    """The stock after a correction."""

    product_id: str
    inventory: int


class QuoteRequest(Message, frozen=True, kw_only=True):
    """The products whose prices are asked for."""

    product_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_LINES)]


class QuotedPrice(Lenient, frozen=True, kw_only=True):
    """The price of one product now."""

    product_id: str
    price: Money


class Quotation(Lenient, frozen=True, kw_only=True):
    """The prices of those products that exist, in no order."""

    currency: str
    prices: tuple[QuotedPrice, ...]


class StockBook(Lenient, frozen=True, kw_only=True):
    """The ledger of one product, in units. `start` plus `corrected` less `sold` plus `returned` is `now`."""

    product_id: str
    start: int
    corrected: int
    sold: int
    returned: int
    now: int


class StockBooks(Lenient, frozen=True, kw_only=True):
    """A page of the stock ledger."""

    items: tuple[StockBook, ...]
    next: str | None


class ReservationBook(Lenient, frozen=True, kw_only=True):
    """The reservation of one order. `units` are those held: none when released, fewer after returns."""

    order_id: str
    state: str
    units: int


class ReservationBooks(Lenient, frozen=True, kw_only=True):
    """A page of the reservations."""

    items: tuple[ReservationBook, ...]
    next: str | None


ListProducts = Operation(
    "list_products",
    "products",
    GET("/products"),
    request=ProductQuery,
    response=ProductPage,
    access=Access.PUBLIC,
    summary="Search the catalogue",
    idempotent=True,
)
GetProduct = Operation(
    "get_product",
    "products",
    GET("/products/{productId}"),
    request=ProductRef,
    response=Product,
    access=Access.PUBLIC,
    summary="One product",
    idempotent=True,
    errors=[ProductNotFound],
)
PutProduct = Operation(
    "put_product",
    "products",
    PUT("/products/{productId}"),
    request=ProductContent,
    response=Product,
    access=Access.ADMIN,
    summary="Make or change a product",
    idempotent=True,
    errors=[PriceOutOfRange, WrongCurrency],
    location="/products/{productId}",
    may_create=True,
)
AdjustInventory = Operation(
    "adjust_inventory",
    "products",
    PATCH("/products/{productId}/inventory"),
    request=InventoryChange,
    response=InventoryNow,
    access=Access.ADMIN,
    summary="Correct the stock",
    errors=[ProductNotFound, StockBelowZero],
)
Quote = Operation(
    "quote",
    "products",
    None,
    request=QuoteRequest,
    response=Quotation,
    access=Access.SERVICE,
    summary="The price of each product now",
    idempotent=True,
)
GetStockBooks = Operation(
    "get_stock_books",
    "products",
    GET("/books/stock"),
    request=BookRequest,
    response=StockBooks,
    access=Access.ADMIN,
    summary="The stock ledger, for the audit",
    idempotent=True,
)
GetReservationBooks = Operation(
    "get_reservation_books",
    "products",
    GET("/books/reservations"),
    request=BookRequest,
    response=ReservationBooks,
    access=Access.ADMIN,
    summary="The reservations, for the audit",
    idempotent=True,
)


class ShortItem(Lenient, frozen=True, kw_only=True):
    """A product of which an order asked more than there was."""

    product_id: str
    requested: int
    available: int


class StockReserved(Event, frozen=True, kw_only=True):
    """All items of an order were taken from stock. What is to be paid goes along from the order."""

    order_id: str
    total_minor: int
    currency: str
    payment_method: str

    @property
    def subject(self) -> str:
        """The order's id."""
        return self.order_id


class StockRejected(Event, frozen=True, kw_only=True):
    """An order asked for more than there was. Nothing was taken."""

    order_id: str
    short_items: tuple[ShortItem, ...]

    @property
    def subject(self) -> str:
        """The order's id."""
        return self.order_id
