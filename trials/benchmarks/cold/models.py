"""The order as pydantic models, for FastAPI and for Powertools."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Message(BaseModel):
    """Camel case on the wire; unknown fields are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class NewItem(Message):
    """A line."""

    product_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class NewOrder(Message):
    """An order."""

    id: Id
    items: Annotated[list[NewItem], Field(min_length=1, max_length=2_000)]


class Receipt(Message):
    """The answer."""

    order_id: str
    status: str
    units: int


def receipt(order: NewOrder) -> Receipt:
    """The answer to an order."""
    return Receipt(order_id=order.id, status="PENDING", units=sum(item.quantity for item in order.items))
