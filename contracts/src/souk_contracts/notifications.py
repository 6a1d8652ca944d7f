"""Notifications: the mails that customers get."""

from datetime import datetime

from souk_chassis.ids import Id
from souk_chassis.operation import GET, Access, Operation
from souk_chassis.text import Cursor
from souk_chassis.wire import Lenient, Message
from souk_contracts.shop import BookRequest, Limit


class MailQuery(Message, frozen=True, kw_only=True):
    """Mails, newest first: a customer's own, those of a guest's order, for administrators all."""

    order_id: Id | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class Mail(Lenient, frozen=True, kw_only=True):
    """One mail. `status` is SENT, REFUSED by the server, or NO_ADDRESS where the shop knows none."""

    mail_id: str
    order_id: str | None
    to: str | None
    subject: str
    body: str
    status: str
    created_at: datetime


class MailPage(Lenient, frozen=True, kw_only=True):
    """A page of mails."""

    items: tuple[Mail, ...]
    next: str | None


class MailBook(Lenient, frozen=True, kw_only=True):
    """How many mails of each kind an order has had, for the audit."""

    order_id: str
    kinds: dict[str, int]


class MailBooks(Lenient, frozen=True, kw_only=True):
    """A page of the mails' books."""

    items: tuple[MailBook, ...]
    next: str | None


ListMails = Operation(
    "list_mails",
    "notifications",
    GET("/mails"),
    request=MailQuery,
    response=MailPage,
    access=Access.OWNER,
    summary="The mailbox",
    idempotent=True,
)
GetMailBooks = Operation(
    "get_mail_books",
    "notifications",
    GET("/books/mails"),
    request=BookRequest,
    response=MailBooks,
    access=Access.ADMIN,
    summary="The mails' books, for the audit",
    idempotent=True,
)
