"""What the notifications service keeps: the mails as they went out."""

from datetime import datetime
from enum import StrEnum

from souk_chassis.record import Listed, Record


class MailStatus(StrEnum):
    """What became of a mail. None of them changes any more."""

    SENT = "SENT"
    NO_ADDRESS = "NO_ADDRESS"
    """The shop knows no address of the customer."""
    REFUSED = "REFUSED"
    """The mail server will not take mail for that address, now or later."""


class Mail(Record, key="mail_key"):
    """A mail. `mail_key` says which event it tells of, so that each is kept once; `mail_id`, a UUIDv7, is in the order
    of time. `customer_id` says in whose mailbox it is; a guest's mails have the order alone."""

    mail_key: str
    mail_id: str
    kind: str
    order_id: str | None
    customer_id: str | None
    to: str | None
    subject: str
    body: str
    status: MailStatus
    created_at: datetime

    newest = Listed(newest_first="mail_id")
    by_customer = Listed("customer_id", newest_first="mail_id")
    by_order = Listed("order_id", newest_first="mail_id")
    in_orders = Listed(ordered_by="order_id")
