"""The use cases: the books for the audit. Money moves on events alone."""

import re

from souk_chassis.context import Context
from souk_chassis.errors import invalid
from souk_chassis.ids import ID_PATTERN
from souk_contracts.payments import PaymentBook, PaymentBooks
from souk_contracts.shop import BookRequest
from souk_payments.ports import Payments, ProviderBook
from souk_payments.records import Payment

UNKNOWN = "UNKNOWN"
"""The state of an order that the provider alone knows."""
_NOTHING = ProviderBook("", 0, 0, 0)


async def get_payment_books(ctx: Context[Payments], request: BookRequest) -> PaymentBooks:
    """Both sides' figures for each order that either side knows, by order id.

    Raises SoukError `invalid` for a malformed cursor, and what the provider raises.
    """
    after = request.cursor or ""
    if after and not re.match(ID_PATTERN, after):
        raise invalid("invalid_cursor", "This cursor is none of ours.", cursor="malformed")
    deps, limit = ctx.deps, request.limit
    page = await ctx.list(Payment.every, cursor=Payment.every.after(after), limit=limit)
    ours = {payment.order_id: payment for payment in page.items}
    books = await deps.provider.books(after, limit)
    theirs = {book.order_id: book for book in books or ()}
    # Each side's page is its first `limit` orders, so the first `limit` of both together are whole.
    order_ids = sorted({*ours, *theirs})
    more = len(ours) == limit or len(theirs) == limit or len(order_ids) > limit
    shown = order_ids[:limit]
    return PaymentBooks(
        items=tuple(
            _book(order_id, ours.get(order_id), theirs.get(order_id, None if books is None else _NOTHING))
            for order_id in shown
        ),
        next=shown[-1] if more else None,
    )


def _book(order_id: str, payment: Payment | None, book: ProviderBook | None) -> PaymentBook:
    """Both sides of one order. Without a `book` the provider keeps none."""
    return PaymentBook(
        order_id=order_id,
        state=payment.state if payment else UNKNOWN,
        captured_minor=payment.captured_minor if payment else 0,
        refunded_minor=payment.refunded_minor if payment else 0,
        provider_captured_minor=book.captured_minor if book else None,
        provider_refunded_minor=book.refunded_minor if book else None,
        charges=book.charges if book else None,
    )
