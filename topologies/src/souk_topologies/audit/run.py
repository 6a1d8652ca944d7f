"""Asks every service for its own books, and compares them order by order.

The books come in pages sorted by order id and are merged as they come, so that a shop of any size is audited in bounded
memory. A shop that takes orders meanwhile changes between two pages: what is found is asked again, and counts only if
it stays.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from souk_chassis.queues import Queues
from souk_contracts.notifications import MailBook, MailBooks
from souk_contracts.order_books import OrderBook, OrderBooks
from souk_contracts.order_status import OPEN, PAID, OrderStatus
from souk_contracts.payments import PaymentBook, PaymentBooks
from souk_contracts.products import ReservationBook, ReservationBooks, StockBooks
from souk_topologies.audit.report import AuditReport, Findings
from souk_topologies.client import ShopClient
from souk_topologies.shop import SERVICES

ROUNDS = 3
"""How often a breach must be seen."""
PAUSE_S = 1.0
DRAIN_S = 30.0
"""How long the audit waits for the queues to drain."""

S = OrderStatus
_MAIL_OF = {S.REJECTED: "rejected", S.CANCELLED: "cancelled"}


@dataclass
class _Books:
    """What the services say of one order."""

    order: OrderBook | None = None
    payment: PaymentBook | None = None
    reservation: ReservationBook | None = None
    mails: dict[str, int] = field(default_factory=dict)


async def audit(client: ShopClient) -> AuditReport:
    """Run all checks. Raises ShopError or ShopAwayError."""
    await _drain(client)
    began = time.monotonic()
    rounds = [await _round(client, began)]
    while not rounds[-1].is_clean() and len(rounds) < ROUNDS:
        await asyncio.sleep(PAUSE_S)
        rounds.append(await _round(client, began))
    return rounds[-1].report(rounds[:-1])


async def _drain(client: ShopClient) -> None:
    for _ in range(int(DRAIN_S / 0.25)):
        states = await _queues(client)
        if not any(s.outbox or any(queue.waiting for queue in s.queues) for s in states):
            return
        await asyncio.sleep(0.25)


async def _queues(client: ShopClient) -> list[Queues]:
    return list(await asyncio.gather(*(client.call("GET", f"/queues/{name}", Queues) for name in SERVICES)))


async def _round(client: ShopClient, began: float) -> Findings:
    findings = Findings()
    await _check_queues(client, findings, began)
    sold = await _check_stock(client, findings)
    held = 0
    limit_s = (await client.call("GET", "/books/orders", OrderBooks, query={"limit": "1"})).saga_limit_s
    async for order_id, books in _merged(client):
        held += books.reservation.units if books.reservation else 0
        _check_order(order_id, books, limit_s, findings)
    # In a shop at work the difference is another one each time: only one that stays is a breach.
    text = f"the ledger has {sold} units as sold, and reservations hold {held}"
    findings.check("stock_matches_reservations", sold == held, text, known_by=str(sold - held))
    return findings


async def _check_queues(client: ShopClient, findings: Findings, began: float) -> None:
    """In a shop at work something always waits: what has waited since the audit began does not move."""
    for state in await _queues(client):
        name = state.service
        findings.check("queues_drained", state.outbox == 0, f"{name}: {state.outbox} events wait in the outbox")
        for queue in state.queues:
            text = f"{queue.name}: {queue.waiting} events wait, the oldest for {queue.oldest_s:.0f} s"
            moves = queue.waiting == 0 or queue.oldest_s < time.monotonic() - began
            findings.check("queues_drained", moves, text, known_by=queue.name)
            letters = [letter for letter in state.dead_letters if letter.queue == queue.name]
            for letter in letters:
                text = f"{letter.queue}: {letter.type} {letter.event_id} of {letter.subject}: {letter.reason}"
                findings.check("no_dead_letters", False, text)
            unnamed = queue.dead - len(letters)
            findings.check("no_dead_letters", unnamed <= 0, f"{queue.name}: {unnamed} more dead letters")


async def _check_stock(client: ShopClient, findings: Findings) -> int:
    """Returns the units sold less those returned, of all products."""
    sold = 0
    async for page in client.pages("/books/stock", StockBooks):
        for book in page.items:
            due = book.start + book.corrected - book.sold + book.returned
            text = f"{book.product_id}: {book.now} in stock, and by the ledger {due}"
            findings.check("stock_ledger", book.now == due, text)
            findings.check("stock_not_negative", book.now >= 0, f"{book.product_id}: {book.now} in stock")
            sold += book.sold - book.returned
    return sold


def _check_order(order_id: str, books: _Books, limit_s: float, findings: Findings) -> None:
    order, payment, reservation = books.order, books.payment, books.reservation
    if payment is not None:
        _check_charges(order_id, payment, findings)
    if order is None:
        charged = payment is not None and _net(payment) != 0
        findings.check("charged_without_order", not charged, f"{order_id}: charged, and there is no such order")
        held = reservation is not None and reservation.units != 0
        findings.check("reserved_without_order", not held, f"{order_id}: reserved, and there is no such order")
        return
    if order.status in OPEN:
        text = f"{order_id}: {order.status} for {order.age_s:.0f} s"
        findings.check("orders_ended", order.age_s < limit_s, text, known_by=order_id)
        return
    findings.check("orders_ended", True, "")
    paid = order.status in PAID
    due = order.total_minor - order.returned_minor if paid else 0
    got = _net(payment) if payment else 0
    findings.check(
        "money_matches_orders", got == due, f"{order_id}: {order.status}, {got} was taken less refunds, {due} is due"
    )
    units_due = order.units - order.returned_units if paid else 0
    units = reservation.units if reservation else 0
    text = f"{order_id}: {order.status}, {units} units are held, {units_due} are due"
    findings.check("reservations_match_orders", units == units_due, text)
    _check_mails(order_id, order, books.mails, findings)


def _check_charges(order_id: str, payment: PaymentBook, findings: Findings) -> None:
    if payment.provider_captured_minor is None or payment.charges is None:
        return  # this provider keeps no books by order: there is nothing to compare with
    agree = (payment.captured_minor, payment.refunded_minor) == (
        payment.provider_captured_minor,
        payment.provider_refunded_minor,
    )
    text = (
        f"{order_id}: payments know of {payment.captured_minor} less {payment.refunded_minor}, the provider of "
        f"{payment.provider_captured_minor} less {payment.provider_refunded_minor}"
    )
    findings.check("provider_agrees", agree, text)
    findings.check("charged_once", payment.charges <= 1, f"{order_id}: charged {payment.charges} times")


def _check_mails(order_id: str, order: OrderBook, mails: dict[str, int], findings: Findings) -> None:
    due = "confirmed" if order.status in PAID else _MAIL_OF[order.status]
    once = mails.get(due, 0) == 1 and all(count == 1 for kind, count in mails.items() if kind != "returned")
    findings.check("mails_match_orders", once, f"{order_id}: {order.status}, and its mails are {mails}")


def _net(payment: PaymentBook) -> int:
    """What was taken less what was given back: by the provider's books, or by our own where it keeps none."""
    if payment.provider_captured_minor is None or payment.provider_refunded_minor is None:
        return payment.captured_minor - payment.refunded_minor
    return payment.provider_captured_minor - payment.provider_refunded_minor


async def _merged(client: ShopClient) -> AsyncIterator[tuple[str, _Books]]:
    """All orders that any service knows, by id, with what each says."""

    async def entries(path: str, kind: type[Any]) -> AsyncIterator[Any]:
        async for page in client.pages(path, kind):
            for item in page.items:
                yield item

    def put_order(books: _Books, item: OrderBook) -> None:
        books.order = item

    def put_payment(books: _Books, item: PaymentBook) -> None:
        books.payment = item

    def put_reservation(books: _Books, item: ReservationBook) -> None:
        books.reservation = item

    def put_mails(books: _Books, item: MailBook) -> None:
        books.mails = item.kinds

    sources: list[tuple[AsyncIterator[Any], Callable[[_Books, Any], None]]] = [
        (entries("/books/orders", OrderBooks), put_order),
        (entries("/books/payments", PaymentBooks), put_payment),
        (entries("/books/reservations", ReservationBooks), put_reservation),
        (entries("/books/mails", MailBooks), put_mails),
    ]
    heads = [await anext(source, None) for source, _ in sources]
    while any(head is not None for head in heads):
        order_id = min(head.order_id for head in heads if head is not None)
        books = _Books()
        for index, (source, put) in enumerate(sources):
            head = heads[index]
            if head is not None and head.order_id == order_id:
                put(books, head)
                heads[index] = await anext(source, None)
        yield order_id, books
