"""Placing an order: who it is for, what it costs, and whether it was placed before."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from souk_chassis import wire
from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey
from souk_chassis.auth.tokens import sign_public
from souk_chassis.context import Context
from souk_chassis.errors import SoukError
from souk_chassis.ids import uuid7
from souk_chassis.money import MAX_MINOR, Money
from souk_chassis.storage.group_commit import GroupCommit
from souk_chassis.storage.ports import QueueBooks
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import (
    EmailNeeded,
    NewOrder,
    NotForOthers,
    OrderDiffers,
    OrderReceipt,
    OutOfRange,
    PriceChanged,
    UnknownProduct,
    WrongTotal,
)
from souk_orders.backlog import Backlog
from souk_orders.domain import Draft, Line, Placed
from souk_orders.ports import OrderStore
from souk_orders.pricing import Prices, Pricing

GUEST_TOKEN_S = 30 * 24 * 3600
"""How long a guest may follow his order, in seconds."""
KEYS_KEPT = timedelta(days=30)
"""How long an Idempotency-Key makes a repeat safe. An order's `id` does so for as long as the order is kept."""
KEYS_FORGOTTEN = 10_000
"""Keys that are forgotten in one statement."""
FORGET_EVERY_S = 3600.0
"""Seconds between two such clean-ups."""


class Orders(msgspec.Struct, frozen=True):
    """What the orders service's operations work with."""

    store: OrderStore
    queues: QueueBooks
    key: SigningKey
    currency: str
    placing: GroupCommit[Draft, Placed]
    backlog: Backlog
    pricing: Pricing


async def place_order(ctx: Context[Orders], request: NewOrder) -> OrderReceipt:
    """Store the order PENDING, with its event, in one commit; then answer.

    A repeat, by `id` or by Idempotency-Key, gets the first answer again; with a different body, OrderDiffers.
    """
    deps = ctx.deps
    customer_id = _customer(ctx.identity, request)
    fingerprint = _fingerprint(request, ctx.identity, customer_id)
    key = (_scope(ctx.identity), request.idempotency_key) if request.idempotency_key else None
    await deps.backlog.enter()
    try:
        lines, prices_cached = await _priced(ctx, request)
        total_minor = _total(lines, request.total)
    except SoukError:
        # Prices change: what was accepted once gets its first answer all the same.
        earlier = await _earlier(deps, request, key)
        if earlier is None:
            raise
        return _receipt(deps, ctx.identity, earlier, fingerprint)
    draft = Draft(
        order_id=request.id or uuid7(),
        customer_id=customer_id,
        email=request.email,
        lines=lines,
        total_minor=total_minor,
        currency=deps.currency,
        payment_method=request.payment_method,
        prices_cached=prices_cached,
        fingerprint=fingerprint,
        created_at=ctx.now,
        traceparent=ctx.traceparent,
        key=key,
    )
    placed = await deps.placing(draft)
    if placed.fresh:
        ctx.log.info(
            "order placed",
            ctx.traceparent,
            orderId=placed.order_id,
            customerId=customer_id,
            total=str(Money(placed.total_minor)),
        )
    return _receipt(deps, ctx.identity, placed, fingerprint)


async def forget_old_keys(ctx: Context[Orders]) -> None:
    """Housekeeping: forget the keys that nobody repeats any more."""
    forgotten = KEYS_FORGOTTEN
    while forgotten == KEYS_FORGOTTEN:
        forgotten = await ctx.deps.store.forget_keys(ctx.now - KEYS_KEPT, KEYS_FORGOTTEN)


def _customer(identity: Identity, request: NewOrder) -> str | None:
    if identity.role is Role.ADMIN:
        return request.customer_id
    if identity.role is Role.CUSTOMER:
        if request.customer_id not in {None, identity.user_id}:
            raise NotForOthers(customerId="Only administrators order for others")
        return identity.user_id
    if request.customer_id is not None:
        raise NotForOthers("A guest has no customer id: sign in first.", customerId="Not for guests")
    if request.email is None:
        raise EmailNeeded(email="Needed from a guest")
    return None


def _scope(identity: Identity) -> str:
    return f"user:{identity.user_id}" if identity.role in {Role.CUSTOMER, Role.ADMIN} else "guest"


def _fingerprint(request: NewOrder, identity: Identity, customer_id: str | None) -> bytes:
    """Equal for equal bodies of the same caller, however their JSON was written. The key is no part of the body: an
    order's `id` alone makes a repeat safe, also for callers who make a new key for each attempt."""
    if request.idempotency_key is not None:
        request = msgspec.structs.replace(request, idempotency_key=None)
    digest = hashlib.blake2b(wire.encode(request), digest_size=16)
    digest.update(f"\n{_scope(identity)}\n{customer_id}".encode())
    return digest.digest()


async def _earlier(deps: Orders, request: NewOrder, key: tuple[str, str] | None) -> Placed | None:
    if request.id is None and key is None:
        return None
    return await deps.store.find_placed(request.id, key)


async def _priced(ctx: Context[Orders], request: NewOrder) -> tuple[tuple[Line, ...], bool]:
    """The lines with their prices. An administrator's own prices stand; others must be the prices now."""
    may_set = ctx.identity.is_admin
    asked = {item.product_id: None for item in request.items if not (may_set and item.unit_price is not None)}
    prices = await ctx.deps.pricing.ask(ctx, tuple(asked)) if asked else Prices({})
    lines = []
    for number, item in enumerate(request.items):
        price = item.unit_price
        if price is None or not may_set:
            price_now = prices.by_product.get(item.product_id)
            field = f"items[{number}]"
            if price_now is None:
                raise UnknownProduct(f"There is no product {item.product_id}.", **{f"{field}.productId": "Unknown"})
            if price is not None and price != price_now:
                now = Money(price_now)
                raise PriceChanged(
                    f"The price of {item.product_id} is now {now}.", **{f"{field}.unitPrice": f"Now {now}"}
                )
            price = Money(price_now)
        if price < 1:
            raise OutOfRange("A unit price is at least 0.01.", **{f"items[{number}].unitPrice": "At least 0.01"})
        lines.append(Line(item.product_id, item.quantity, int(price)))
    return tuple(lines), prices.cached


def _total(lines: Sequence[Line], given: Money | None) -> int:
    total = sum(line.quantity * line.unit_price_minor for line in lines)
    if total > MAX_MINOR:
        raise OutOfRange(items="The total is more than 99,999,999.99")
    if given is not None and given != total:
        raise WrongTotal(f"The items come to {Money(total)}.", total=f"The items come to {Money(total)}")
    return total


def _receipt(deps: Orders, identity: Identity, placed: Placed, fingerprint: bytes) -> OrderReceipt:
    """The first answer, made again from what was stored: an Ed25519 token of the same facts is the same token."""
    if placed.fingerprint != fingerprint:
        raise OrderDiffers()
    token = None
    if identity.role in {Role.ANONYMOUS, Role.GUEST}:
        guest = Identity(Role.GUEST, order_id=placed.order_id)
        token = sign_public(deps.key, guest, issued_at=placed.created_at, lifetime_s=GUEST_TOKEN_S)
    return OrderReceipt(
        order_id=placed.order_id,
        status=OrderStatus.PENDING,
        total=Money(placed.total_minor),
        currency=placed.currency,
        token=token,
        cached=placed.prices_cached,
    )
