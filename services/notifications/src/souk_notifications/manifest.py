"""The notifications service's declaration."""

from souk_chassis.manifest import Consumer, Outside, Part, Service, Uses
from souk_contracts.notifications import GetMailBooks, ListMails
from souk_contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderRejected,
    OrderReturned,
    OrderShipped,
)
from souk_contracts.users import FindContacts, UserRegistered
from souk_notifications.consumers import ATTEMPTS, BATCH, deliver, record
from souk_notifications.operations import get_mail_books, list_mails
from souk_notifications.records import Mail

_mail = Consumer(apply=record, ask=deliver, batch=BATCH, attempts=ATTEMPTS)

service = Service(
    "notifications",
    "notification-service",
    keeps=[Mail],
    implements={
        ListMails: list_mails,
        GetMailBooks: get_mail_books,
    },
    consumes={
        OrderConfirmed: _mail,
        OrderRejected: _mail,
        OrderCancelled: _mail,
        OrderShipped: _mail,
        OrderDelivered: _mail,
        OrderReturned: _mail,
        UserRegistered: _mail,
    },
    parts={
        Part.EVENTS: Uses(calls=[FindContacts], sends_mail=True),
    },
    reaches=[Outside("mail-server", (25, 465, 587), "SOUK_SMTP_URL")],
)
