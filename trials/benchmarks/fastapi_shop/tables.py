"""The tables, as SQLAlchemy's declarative classes."""

from datetime import datetime

from sqlalchemy import BigInteger, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of this service."""


class Product(Base):
    """Something for sale. The price is in minor units."""

    __tablename__ = "products"
    product_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int] = mapped_column(BigInteger)


class Order(Base):
    """One order."""

    __tablename__ = "orders"
    order_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OrderItem(Base):
    """One line of an order."""

    __tablename__ = "order_items"
    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(BigInteger)
    product_id: Mapped[int]
    quantity: Mapped[int]
    unit_price: Mapped[int] = mapped_column(BigInteger)


class Stock(Base):
    """How much of a product is there."""

    __tablename__ = "stock"
    product_id: Mapped[int] = mapped_column(primary_key=True)
    on_hand: Mapped[int] = mapped_column(BigInteger)


class OutboxEvent(Base):
    """What others are to be told."""

    __tablename__ = "outbox"
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event: Mapped[str]
