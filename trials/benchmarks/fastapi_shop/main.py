"""The peer: an order service in FastAPI and SQLAlchemy, written plainly and with care, on the same PostgreSQL.

One transaction an order: prices are read, the order and its lines are inserted (the lines in one statement), stock is
taken in the order of the product ids so that no two orders can deadlock, and the event goes to an outbox.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from trials.benchmarks.fastapi_shop.access import CustomerId
from trials.benchmarks.fastapi_shop.tables import Order, OrderItem, OutboxEvent, Product, Stock

POOL = int(os.environ.get("SHOP_POOL", "10"))

engine = create_async_engine(os.environ["SHOP_DATABASE_URL"], pool_size=POOL, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the pool at the end."""
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


class Message(BaseModel):
    """Camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class NewItem(Message):
    """One line of a new order."""

    product_id: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]


class NewOrder(Message):
    """A new order."""

    items: Annotated[list[NewItem], Field(min_length=1, max_length=2_000)]


class Receipt(Message):
    """The answer."""

    order_id: str
    status: str
    total: str
    currency: str


async def session() -> AsyncIterator[AsyncSession]:
    """A session of the request's own. What is not committed is rolled back."""
    async with sessions() as opened:
        yield opened


@app.get("/health")
async def health() -> dict[str, str]:
    """That it runs."""
    return {"status": "ok"}


@app.post("/orders", status_code=201)
async def place_order(
    new: NewOrder, customer: CustomerId, db: Annotated[AsyncSession, Depends(session)], response: Response
) -> Receipt:
    """Store the order, take its stock, and note the event, in one transaction."""
    wanted: dict[int, int] = {}
    for item in new.items:
        wanted[int(item.product_id)] = wanted.get(int(item.product_id), 0) + item.quantity
    found = await db.execute(select(Product.product_id, Product.price).where(Product.product_id.in_(wanted)))
    prices = {row.product_id: row.price for row in found}
    if unknown := wanted.keys() - prices.keys():
        raise HTTPException(404, f"there is no product {min(unknown)}")
    total = sum(prices[product] * quantity for product, quantity in wanted.items())
    order = Order(customer_id=customer, total=total, status="PENDING")
    db.add(order)
    await db.flush()
    db.add_all(
        OrderItem(
            order_id=order.order_id,
            product_id=int(item.product_id),
            quantity=item.quantity,
            unit_price=prices[int(item.product_id)],
        )
        for item in new.items
    )
    db.add(OutboxEvent(event=json.dumps({"type": "OrderCreated", "orderId": order.order_id})))
    await db.flush()
    for product, quantity in sorted(wanted.items()):
        taken = await db.execute(
            update(Stock)
            .where(Stock.product_id == product, Stock.on_hand >= quantity)
            .values(on_hand=Stock.on_hand - quantity)
            .execution_options(synchronize_session=False)
        )
        if taken.rowcount != 1:
            raise HTTPException(409, f"there is not enough of product {product}")
    await db.commit()
    response.headers["location"] = f"/orders/{order.order_id}"
    return Receipt(order_id=str(order.order_id), status=order.status, total=f"{total / 100:.2f}", currency="GBP")
