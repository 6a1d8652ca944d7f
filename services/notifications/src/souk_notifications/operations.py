"""The notifications service's use cases: reading mails, and their books for the audit."""

from collections import Counter
from dataclasses import dataclass

from souk_chassis.auth.identity import Role
from souk_chassis.context import Context
from souk_chassis.storage.ports import QueueBooks
from souk_chassis.storage.records import Page, RecordStore
from souk_contracts import notifications as contract
from souk_contracts.notifications import MailBook, MailBooks, MailPage, MailQuery
from souk_contracts.shop import BookRequest
from souk_notifications.ports import MailTransport
from souk_notifications.records import Mail

MAILS_AT_ONCE = 1_000
"""Mails that the books are counted from at a time."""
_LAST = "\U0010ffff"
"""Greater than any mail's key."""


@dataclass(frozen=True)
class Notifications:
    """What the operations and consumers of this service stand on."""

    store: RecordStore
    queues: QueueBooks
    transport: MailTransport


async def list_mails(ctx: Context[Notifications], request: MailQuery) -> MailPage:
    """Mails, newest first: of a guest's order, a customer's own, for administrators all."""
    identity, order_id = ctx.identity, request.order_id
    customer_id = None
    if identity.role is Role.GUEST:
        ctx.must_own(identity.order_id is not None and order_id in (None, identity.order_id))
        order_id = identity.order_id
    elif not identity.is_admin:
        ctx.must_own(identity.owns_user(identity.user_id))
        customer_id = identity.user_id
    page: Page[Mail]
    if order_id is not None:
        page = await ctx.list(Mail.by_order, order_id, cursor=request.cursor, limit=request.limit)
    elif customer_id is not None:
        page = await ctx.list(Mail.by_customer, customer_id, cursor=request.cursor, limit=request.limit)
    else:
        page = await ctx.list(Mail.newest, cursor=request.cursor, limit=request.limit)
    shown = tuple(_show(mail) for mail in page.items if customer_id in (None, mail.customer_id))
    return MailPage(items=shown, next=page.next)


async def get_mail_books(ctx: Context[Notifications], request: BookRequest) -> MailBooks:
    """How many mails of each kind each order has had. The cursor is the last order's id."""
    kinds: dict[str, Counter[str]] = {}
    cursor: str | None = Mail.in_orders.after(request.cursor or "", _LAST)
    while cursor is not None and len(kinds) <= request.limit:
        page: Page[Mail] = await ctx.list(Mail.in_orders, cursor=cursor, limit=MAILS_AT_ONCE)
        for mail in page.items:
            kinds.setdefault(mail.order_id or "", Counter())[mail.kind] += 1
        cursor = page.next
    # The order after the last that is shown may not have been counted to its end.
    books = [MailBook(order_id=order_id, kinds=dict(counts)) for order_id, counts in kinds.items()]
    shown = books[: request.limit]
    return MailBooks(items=tuple(shown), next=shown[-1].order_id if len(books) > request.limit else None)


def _show(mail: Mail) -> contract.Mail:
    return contract.Mail(
        mail_id=mail.mail_id,
        order_id=mail.order_id,
        to=mail.to,
        subject=mail.subject,
        body=mail.body,
        status=mail.status.value,
        created_at=mail.created_at,
    )
