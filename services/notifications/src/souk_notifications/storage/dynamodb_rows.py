"""How the notifications service writes its items in DynamoDB. The tables are in `souk_notifications.tables`."""

import zlib
from datetime import UTC, datetime
from typing import NamedTuple

from souk_chassis.storage.dynamodb.values import Row
from souk_notifications.domain import Letter, Mail, MailStatus

SLOTS = 32
"""Partition keys of the indexes by time and by order: each takes 32,000 write units a second."""


class OrderPlace(NamedTuple):
    """Where a mail stands among those of all orders. No id has a `#`, and it sorts before all that they have."""

    order_id: str
    mail_id: str
    kind: str

    @property
    def text(self) -> str:
        """As it is sorted by."""
        return "#".join(self)


def order_place(text: str) -> OrderPlace:
    """What `OrderPlace.text` wrote."""
    order_id, mail_id, kind = text.split("#", 2)
    return OrderPlace(order_id, mail_id, kind)


def before_mail(order_id: str, mail_id: str) -> str:
    """More than the places of an order's mails that are older than this one, and less than that of any other mail."""
    return f"{order_id}#{mail_id}"


def after_order(order_id: str) -> str:
    """More than the places of all mails of an order, and less than those of the orders after it."""
    return f"{order_id}$"


def slot_of(text: str) -> str:
    """The slot of an order, or of a mail's key."""
    return slot(zlib.crc32(text.encode()) % SLOTS)


def slot(number: int) -> str:
    """The name of a slot."""
    return f"slot#{number:02x}"


def mail_row(mail: Mail) -> Row:
    """A mail's item."""
    row: Row = {"mailKey": mail.key, "mailId": mail.mail_id, "timeSlot": slot_of(mail.key), "kind": mail.kind}
    row |= {"subject": mail.letter.subject, "body": mail.letter.body, "status": mail.status.value}
    row["createdAt"] = mail.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    if mail.to is not None:
        row["recipient"] = mail.to
    if mail.customer_id is not None:
        row["customerId"] = mail.customer_id
    if mail.order_id is not None:
        row["orderId"] = mail.order_id
        row["orderSlot"] = slot_of(mail.order_id)
        row["orderPlace"] = OrderPlace(mail.order_id, mail.mail_id, mail.kind).text
    return row


def mail_of(row: Row) -> Mail:
    """The mail of an item."""
    return Mail(
        row["mailId"],
        row["mailKey"],
        row["kind"],
        row.get("orderId"),
        row.get("customerId"),
        row.get("recipient"),
        Letter(row["subject"], row["body"]),
        MailStatus(row["status"]),
        datetime.fromisoformat(row["createdAt"]),
    )
