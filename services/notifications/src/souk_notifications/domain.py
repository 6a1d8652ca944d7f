"""Mails as values, and what each event says in one: one mail of each kind an order, one a return, one an account.

The key of a mail tells whether it was written before; it is made of the event's facts alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from souk_contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderedItem,
    OrderEvent,
    OrderRejected,
    OrderReturned,
    OrderShipped,
    SoldItem,
)
from souk_contracts.products import ShortItem
from souk_contracts.users import UserRegistered
from souk_notifications.records import Mail, MailStatus

ITEMS_NAMED = 20
"""An order has up to 2,000 lines; a mail names this many of its items."""
TEXT_SHOWN = 200
"""The most characters of a reason or a name that a mail shows."""

MailEvent = OrderEvent | UserRegistered
Item = TypeVar("Item", SoldItem, ShortItem, OrderedItem)


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a mail went out, and to which address."""

    to: str | None
    status: MailStatus


@dataclass(frozen=True, slots=True)
class Letter:
    """The text of a mail."""

    subject: str
    body: str


def kind_of(event: MailEvent) -> str:
    """The kind of mail that an event calls for, such as `confirmed`."""
    return _MAILS[type(event)][0]


def mail_key(event: MailEvent) -> str:
    """The key of the one mail that an event calls for, such as `order:17:confirmed`."""
    if isinstance(event, UserRegistered):
        return f"user:{event.user_id}:{kind_of(event)}"
    if isinstance(event, OrderReturned):
        return f"order:{event.order_id}:{kind_of(event)}:{event.return_id}"
    return f"order:{event.order_id}:{kind_of(event)}"


def owner_of(event: MailEvent) -> str | None:
    """The customer in whose mailbox the mail is shown; None for a guest's."""
    return event.user_id if isinstance(event, UserRegistered) else event.customer_id


def order_of(event: MailEvent) -> str | None:
    """The order that the mail is about, if it is about one."""
    return None if isinstance(event, UserRegistered) else event.order_id


def write_letter(event: MailEvent) -> Letter:
    """The text that tells of an event: plain, in English, amounts as decimals with their currency."""
    letter = _MAILS[type(event)][1](event)
    return Letter(letter.subject, f"{letter.body}\n\nYour shop\n")


def write_mail(event: MailEvent, receipt: Receipt, mail_id: str, at: datetime) -> Mail:
    """The mail of an event, to be kept."""
    letter = write_letter(event)
    return Mail(
        mail_key=mail_key(event),
        mail_id=mail_id,
        kind=kind_of(event),
        order_id=order_of(event),
        customer_id=owner_of(event),
        to=receipt.to,
        subject=letter.subject,
        body=letter.body,
        status=receipt.status,
        created_at=at,
    )


def _confirmed(event: OrderConfirmed) -> Letter:
    total = _amount(event.total_minor, event.currency)
    items = _named(event.items, lambda item: f"{item.quantity} at {_amount(item.unit_price_minor, event.currency)}")
    ordered = f"\n\nOrdered:\n{items}" if items else ""
    return Letter(
        f"Your order {event.order_id} is confirmed",
        f"Thank you for your order {event.order_id}.\n\nIt is confirmed and paid: {total}.{ordered}",
    )


def _rejected(event: OrderRejected) -> Letter:
    items = _named(event.short_items, lambda item: f"{item.requested} ordered, {item.available} in stock")
    short = f"\n\nThere was not enough of:\n{items}" if items else ""
    return Letter(
        f"Your order {event.order_id} can't be fulfilled",
        f"We are sorry: we can't fulfil your order {event.order_id}. You pay nothing.{short}",
    )


def _cancelled(event: OrderCancelled) -> Letter:
    reason = _one_line(event.reason.replace("_", " "))
    because = f"\n\nReason: {reason}" if reason else ""
    return Letter(
        f"Your order {event.order_id} is cancelled",
        f"Your order {event.order_id} is cancelled. Whatever you paid for it is refunded.{because}",
    )


def _shipped(event: OrderShipped) -> Letter:
    return Letter(f"Your order {event.order_id} is on its way", f"Your order {event.order_id} has been shipped.")


def _delivered(event: OrderDelivered) -> Letter:
    return Letter(f"Your order {event.order_id} has arrived", f"Your order {event.order_id} has been delivered.")


def _returned(event: OrderReturned) -> Letter:
    refund = _amount(event.amount_minor, event.currency)
    items = _named(event.items, lambda item: str(item.quantity))
    return Letter(
        f"Your return for the order {event.order_id}",
        f"We have your return for the order {event.order_id} and refund {refund}.\n\nReturned:\n{items}",
    )


def _welcome(event: UserRegistered) -> Letter:
    name = _one_line(event.name)
    greeting = f"Hello {name}," if name and not _LINK.search(name) else "Hello,"
    return Letter(
        "Welcome",
        f"{greeting}\n\nyour account is open. You sign in with this e-mail address.",
    )


# Anyone can open an account with anyone's address: the name must not carry an advertisement's link to it.
_LINK = re.compile(r"[/:@<>\\]|\.\S|www", re.IGNORECASE)

_MAILS: Mapping[type[MailEvent], tuple[str, Callable[[Any], Letter]]] = {
    OrderConfirmed: ("confirmed", _confirmed),
    OrderRejected: ("rejected", _rejected),
    OrderCancelled: ("cancelled", _cancelled),
    OrderShipped: ("shipped", _shipped),
    OrderDelivered: ("delivered", _delivered),
    OrderReturned: ("returned", _returned),
    UserRegistered: ("welcome", _welcome),
}
"""The one table of mails: event, kind, text."""

EVENTS = tuple(_MAILS)
"""The events that call for a mail."""


def _named(items: Sequence[Item], tell: Callable[[Item], str]) -> str:
    """A line for each item, up to `ITEMS_NAMED`, and how many are left out."""
    lines = [f"  {item.product_id}: {tell(item)}" for item in items[:ITEMS_NAMED]]
    if len(items) > ITEMS_NAMED:
        lines.append(f"  and {len(items) - ITEMS_NAMED} more")
    return "\n".join(lines)


def _amount(minor: int, currency: str) -> str:
    return f"{minor // 100}.{minor % 100:02d} {currency}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:TEXT_SHOWN]
