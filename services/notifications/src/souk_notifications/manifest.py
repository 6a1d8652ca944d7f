"""The notifications service's declaration."""

from souk_chassis.manifest import Consumer, Database, Outside, Part, Service, Uses
from souk_chassis.queues import queue_operations
from souk_chassis.storage.dynamodb.record_rows import events_table_of, table_of
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
    owns=[Database("souk_notifications")],
    keeps=[Mail],
    implements={
        ListMails: list_mails,
        GetMailBooks: get_mail_books,
        **queue_operations(
            "notifications",
            frozenset(
                {
                    "notifications-order-confirmed",
                    "notifications-order-rejected",
                    "notifications-order-cancelled",
                    "notifications-order-shipped",
                    "notifications-order-delivered",
                    "notifications-order-returned",
                    "notifications-user-registered",
                }
            ),
        ),
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
    calls=[FindContacts],
    parts={
        Part.HTTP: Uses(
            tables={
                table_of(Mail): "BatchGetItem Query:byCustomer Query:byOrder Query:newest Query:inOrders",
                events_table_of("notifications"): "GetItem Query",
            }
        ),
        Part.EVENTS: Uses(
            tables={
                table_of(Mail): "BatchGetItem PutItem",
                events_table_of("notifications"): "BatchGetItem Query PutItem",
            },
            calls=[FindContacts],
            sends_mail=True,
        ),
    },
    reaches=[Outside("mail-server", (25, 465, 587), "SOUK_SMTP_URL")],
)
