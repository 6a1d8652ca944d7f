"""The notifications service's use cases: reading mails, and their books for the audit."""

import re
from dataclasses import dataclass

from souk_chassis.auth.identity import Role
from souk_chassis.context import Context
from souk_chassis.errors import invalid
from souk_chassis.storage.ports import QueueBooks
from souk_contracts.notifications import Mail, MailBooks, MailPage, MailQuery
from souk_contracts.shop import BookRequest
from souk_notifications import domain
from souk_notifications.ports import MailFilter, MailStore, MailTransport

_MAIL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Notifications:
    """What the operations and consumers of this service stand on."""

    store: MailStore
    queues: QueueBooks
    transport: MailTransport


async def list_mails(ctx: Context[Notifications], request: MailQuery) -> MailPage:
    """Mails, newest first. The cursor is the id of the last mail of the page before."""
    if request.cursor is not None and not _MAIL_ID.fullmatch(request.cursor):
        raise invalid("invalid_cursor", "The cursor is none that this list has given.", cursor="is not valid")
    wanted = _visible(ctx, request.order_id)
    mails = await ctx.deps.store.page(wanted, request.cursor, request.limit + 1)
    more = len(mails) > request.limit
    mails = mails[: request.limit]
    return MailPage(items=tuple(map(_show, mails)), next=mails[-1].mail_id if more else None)


async def get_mail_books(ctx: Context[Notifications], request: BookRequest) -> MailBooks:
    """How many mails of each kind each order has had. The cursor is the last order's id."""
    books = await ctx.deps.store.books(request.cursor or "", request.limit + 1)
    more = len(books) > request.limit
    books = books[: request.limit]
    return MailBooks(items=tuple(books), next=books[-1].order_id if more else None)


def _visible(ctx: Context[Notifications], order_id: str | None) -> MailFilter:
    """What the caller may see: a guest the mails of his order, a customer his own, an administrator all."""
    identity = ctx.identity
    if identity.role is Role.GUEST:
        ctx.must_own(identity.order_id is not None and order_id in (None, identity.order_id))
        return MailFilter(order_id=identity.order_id)
    if identity.is_admin:
        return MailFilter(order_id=order_id)
    ctx.must_own(identity.owns_user(identity.user_id))
    return MailFilter(identity.user_id, order_id)


def _show(mail: domain.Mail) -> Mail:
    return Mail(
        mail_id=mail.mail_id,
        order_id=mail.order_id,
        to=mail.to,
        subject=mail.letter.subject,
        body=mail.letter.body,
        status=mail.status.value,
        created_at=mail.created_at,
    )
