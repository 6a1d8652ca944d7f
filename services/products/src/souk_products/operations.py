"""The use cases of the products service."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.context import Context
from souk_chassis.errors import SoukError, invalid
from souk_chassis.operation import Created
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.group_commit import GroupCommit
from souk_chassis.storage.ports import QueueBooks
from souk_contracts.products import (
    InventoryChange,
    InventoryNow,
    PriceOutOfRange,
    Product,
    ProductContent,
    ProductNotFound,
    ProductPage,
    ProductQuery,
    ProductRef,
    Quotation,
    QuotedPrice,
    QuoteRequest,
    ReservationBooks,
    StockBooks,
    WrongCurrency,
)
from souk_contracts.shop import BookRequest
from souk_products.domain import Movement, check_correction, search_words
from souk_products.ports import Listed, ProductRecord, ProductsStore

PutAnswer = Product | Created[Product]


@dataclass(frozen=True, slots=True)
class Products:
    """What the operations work with. `puts` and `quotes` gather concurrent calls into one statement."""

    store: ProductsStore
    queues: QueueBooks
    currency: str
    puts: GroupCommit[ProductContent, PutAnswer]
    quotes: GroupCommit[QuoteRequest, Quotation]


def make_products(store: ProductsStore, queues: QueueBooks, currency: str, clock: Clock) -> Products:
    """The dependencies of the operations, on this store."""
    write = put_writer(store, currency, clock)
    puts = GroupCommit[ProductContent, PutAnswer](lambda contents: retry_on_conflict(lambda: write(contents)))
    quotes = GroupCommit[QuoteRequest, Quotation](
        quote_reader(store, currency), weigh=lambda request: len(request.product_ids)
    )
    return Products(store, queues, currency, puts, quotes)


async def list_products(ctx: Context[Products], request: ProductQuery) -> ProductPage:
    """Search names and ids. The cursor is the last product's id: who renames it meanwhile moves the page."""
    found = await ctx.deps.store.list_products(search_words(request.q), request.cursor, request.limit + 1)
    if found is None:
        raise invalid("invalid_cursor", "The cursor is none that this list gave.", cursor="unknown")
    page = found[: request.limit]
    return ProductPage(
        items=tuple(_shown(listed, ctx.deps.currency) for listed in page),
        next=page[-1].product.product_id if len(found) > request.limit else None,
    )


async def get_product(ctx: Context[Products], request: ProductRef) -> Product:
    """One product, with its stock now."""
    found = await ctx.deps.store.find_product(request.product_id)
    if found is None:
        raise ProductNotFound()
    return _shown(found, ctx.deps.currency)


async def put_product(ctx: Context[Products], request: ProductContent) -> PutAnswer:
    """Make or change a product. An `inventory` for one that exists is booked as a correction."""
    if request.price < 1:
        raise PriceOutOfRange(price="at least 0.01")
    if request.currency not in (None, ctx.deps.currency):
        raise WrongCurrency(currency=f"must be {ctx.deps.currency}")
    return await ctx.deps.puts(request)


async def adjust_inventory(ctx: Context[Products], request: InventoryChange) -> InventoryNow:
    """Correct the stock by a difference, and split it over more shards where that is asked for."""
    product_id = request.product_id

    async def adjust() -> InventoryNow:
        async with ctx.deps.store.unit() as unit:
            on_hand = (await unit.lock_stock([product_id])).get(product_id)
            after = check_correction(on_hand, request.delta)
            await unit.move_stock([Movement(product_id, corrected=request.delta)])
        return InventoryNow(product_id=product_id, inventory=after)

    now = await retry_on_conflict(adjust)
    shards = request.shards
    if shards is not None:
        await retry_on_conflict(lambda: ctx.deps.store.spread_stock(product_id, shards))
    return now


async def quote(ctx: Context[Products], request: QuoteRequest) -> Quotation:
    """The prices now of those products that exist."""
    return await ctx.deps.quotes(request)


async def get_stock_books(ctx: Context[Products], request: BookRequest) -> StockBooks:
    """A page of the stock ledger. The cursor is the last product's id."""
    found = await ctx.deps.store.stock_books(request.cursor or "", request.limit + 1)
    page = found[: request.limit]
    return StockBooks(items=tuple(page), next=page[-1].product_id if len(found) > request.limit else None)


async def get_reservation_books(ctx: Context[Products], request: BookRequest) -> ReservationBooks:
    """A page of the reservations. The cursor is the last order's id."""
    found = await ctx.deps.store.reservation_books(request.cursor or "", request.limit + 1)
    page = found[: request.limit]
    return ReservationBooks(items=tuple(page), next=page[-1].order_id if len(found) > request.limit else None)


def put_writer(
    store: ProductsStore, currency: str, clock: Clock
) -> Callable[[Sequence[ProductContent]], Awaitable[list[PutAnswer | SoukError]]]:
    """What writes a batch of products in one unit of work, as if they came one after another."""

    async def write(contents: Sequence[ProductContent]) -> list[PutAnswer | SoukError]:
        now = clock.now()
        last = {content.product_id: content for content in contents}
        first = {content.product_id: content for content in reversed(contents)}
        records = [_record(content, now) for content in last.values()]
        async with store.unit() as unit:
            made = await unit.put_products(records, {key: content.inventory or 0 for key, content in first.items()})
            on_hand = await unit.lock_stock(last)
            before = dict(on_hand)
            answers: list[PutAnswer | SoukError] = []
            for content in contents:
                key = content.product_id
                if content.inventory is not None:
                    on_hand[key] = content.inventory
                product = _shown(Listed(_record(content, now), on_hand[key]), currency)
                answers.append(Created(product) if key in made and first[key] is content else product)
            await unit.move_stock(
                [Movement(k, corrected=units - before[k]) for k, units in on_hand.items() if units != before[k]]
            )
        return answers

    return write


def quote_reader(
    store: ProductsStore, currency: str
) -> Callable[[Sequence[QuoteRequest]], Awaitable[list[Quotation | SoukError]]]:
    """What answers many requests for prices by one read."""

    async def read(requests: Sequence[QuoteRequest]) -> list[Quotation | SoukError]:
        prices = await store.prices({product_id for request in requests for product_id in request.product_ids})
        quoted = {product_id: QuotedPrice(product_id=product_id, price=price) for product_id, price in prices.items()}
        return [
            Quotation(currency=currency, prices=tuple(quoted[p] for p in set(request.product_ids) if p in quoted))
            for request in requests
        ]

    return read


def _record(content: ProductContent, now: datetime) -> ProductRecord:
    return ProductRecord(content.product_id, content.name, content.description, content.price, now)


def _shown(listed: Listed, currency: str) -> Product:
    product = listed.product
    return Product(
        product_id=product.product_id,
        name=product.name,
        description=product.description,
        price=product.price,
        currency=currency,
        inventory=listed.on_hand,
        updated_at=product.updated_at,
    )
