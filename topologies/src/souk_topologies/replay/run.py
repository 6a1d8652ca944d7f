"""Plays a trade history through a running shop: products, then orders, then waiting until each order has ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from souk_chassis.money import Money
from souk_contracts.order_status import OPEN, PAID, OrderStatus
from souk_contracts.orders import OrderPage, OrderReceipt, OrderSummary
from souk_contracts.products import Product, ProductPage, StockBooks
from souk_topologies.at_once import at_once
from souk_topologies.client import ShopClient
from souk_topologies.data.naming import readable_name
from souk_topologies.replay.history import History, TradeOrder
from souk_topologies.replay.history import Product as HistoryProduct

AT_ONCE = 48
"""Requests under way at once."""
PAGE = {"limit": "200"}
LOOK_EVERY_S = 0.25
STALLED_S = 180.0
"""Waiting ends with an error where no order has ended for so long."""
DEFAULT_STOCK = 1_000_000


class ReplayError(Exception):
    """The shop holds something else under an id of the history, or an order did not end."""


class Progress(Protocol):
    """Where the replay says how far it is."""

    def stage(self, text: str, total: int, done: int = 0) -> None:
        """Begin a stage of `total` steps, of which some are `done` already."""

    def step(self, done: int = 1) -> None:
        """Some more are done."""


class Result(msgspec.Struct, frozen=True):
    """What `souk replay --json` prints: figures as read, and what became of the orders."""

    orders: int
    order_lines: int
    units: int
    amount: str
    confirmed: int
    rejected: int
    cancelled: int
    confirmed_amount: str
    returns: int
    skipped_lines: int
    other_invoices: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Known:
    status: OrderStatus
    total: Money


async def replay(client: ShopClient, history: History, stock: int, progress: Progress) -> Result:
    """Place what is not placed yet, and wait. Raises ReplayError, ShopError or ShopAwayError."""
    began = time.monotonic()
    await _make_products(client, history, stock, progress)
    known = await _ours(client, history)
    for order in history.orders:
        _check(order, known.get(order.order_id))
    waiting = [order for order in history.orders if order.order_id not in known]
    progress.stage("placing", len(history.orders), len(history.orders) - len(waiting))

    async def place(order: TradeOrder) -> None:
        receipt = await client.call("POST", "/orders", OrderReceipt, body=_body(order))
        if receipt.order_id != order.order_id or receipt.total != order.total_minor:
            raise ReplayError(f"order {order.order_id} was answered as {receipt.order_id} for {receipt.total}")
        progress.step()

    await at_once(place, waiting, AT_ONCE)
    await _wait_for_ends(client, history, progress)
    ended = await _ours(client, history)
    return _result(history, ended, time.monotonic() - began)


async def _make_products(client: ShopClient, history: History, stock: int, progress: Progress) -> None:
    """Give every product of the history `stock` units, but leave alone what has been sold already.

    A product that the shop has keeps its name and its price.
    """
    sold = {
        book.product_id async for page in client.pages("/books/stock", StockBooks) for book in page.items if book.sold
    }
    there = {
        item.product_id: item async for page in client.pages("/products", ProductPage, PAGE) for item in page.items
    }

    def is_made(product_id: str) -> bool:
        return product_id in sold or (product_id in there and there[product_id].inventory == stock)

    missing = [product for product in history.products.values() if not is_made(product.product_id)]
    progress.stage("products", len(history.products), len(history.products) - len(missing))

    async def make(product: HistoryProduct) -> None:
        shown = there.get(product.product_id)
        body: dict[str, object] = {
            "name": shown.name if shown else readable_name(product.name)[:200] or product.product_id,
            "price": str(shown.price if shown else Money(product.price_minor)),
            "description": shown.description if shown else "",
            "inventory": stock,
        }
        await client.call("PUT", f"/products/{product.product_id}", Product, body=body)
        progress.step()

    await at_once(make, missing, AT_ONCE)


def _body(order: TradeOrder) -> dict[str, object]:
    body: dict[str, object] = {
        "id": order.order_id,
        "items": [
            {"productId": line.product_id, "quantity": line.quantity, "unitPrice": str(Money(line.unit_price_minor))}
            for line in order.lines
        ],
        "total": str(Money(order.total_minor)),
    }
    if order.customer_id is not None:
        body["customerId"] = order.customer_id
    return body


def _check(order: TradeOrder, known: _Known | None) -> None:
    if known is not None and known.total != order.total_minor:
        raise ReplayError(
            f"the shop's order {order.order_id} is over {known.total}, the history's over {Money(order.total_minor)}"
        )


async def _summaries(client: ShopClient, **query: str) -> AsyncIterator[OrderSummary]:
    async for page in client.pages("/orders", OrderPage, PAGE | query):
        for summary in page.items:
            yield summary


async def _ours(client: ShopClient, history: History) -> dict[str, _Known]:
    """The history's orders that the shop has."""
    wanted = {order.order_id for order in history.orders}
    found: dict[str, _Known] = {}
    async for summary in _summaries(client):
        if summary.order_id in wanted:
            found[summary.order_id] = _Known(summary.status, summary.total)
            if len(found) == len(wanted):
                break
    return found


async def _wait_for_ends(client: ShopClient, history: History, progress: Progress) -> None:
    wanted = {order.order_id for order in history.orders}
    total = len(wanted)
    shown = 0
    last_change = time.monotonic()
    progress.stage("settling", total)
    while True:
        still_open = {s.order_id for status in OPEN async for s in _summaries(client, status=status.value)} & wanted
        ended = total - len(still_open)
        if ended > shown:
            progress.step(ended - shown)
            shown, last_change = ended, time.monotonic()
        if not still_open:
            return
        if time.monotonic() - last_change > STALLED_S:
            raise ReplayError(f"{len(still_open)} orders do not end, among them {min(still_open)}: see souk queues")
        await asyncio.sleep(LOOK_EVERY_S)


def _result(history: History, ended: Mapping[str, _Known], seconds: float) -> Result:
    missing = [order.order_id for order in history.orders if order.order_id not in ended]
    if missing:
        raise ReplayError(f"{len(missing)} orders were acknowledged and are gone, among them {missing[0]}")
    confirmed = [known for known in ended.values() if known.status in PAID]
    return Result(
        orders=len(history.orders),
        order_lines=history.order_lines,
        units=history.units,
        amount=_amount(history.amount_minor),
        confirmed=len(confirmed),
        rejected=sum(known.status is OrderStatus.REJECTED for known in ended.values()),
        cancelled=sum(known.status is OrderStatus.CANCELLED for known in ended.values()),
        confirmed_amount=_amount(sum(known.total for known in confirmed)),
        returns=history.returns,
        skipped_lines=history.skipped_lines,
        other_invoices=history.other_invoices,
        seconds=round(seconds, 2),
    )


def _amount(minor: int) -> str:
    return str(Decimal(minor).scaleb(-2))
