"""Payments and refunds as items of DynamoDB, and the writes that change them. The tables are in `tables.py`.

A payment has a `version`, which every change raises and is conditional on, but for when it is to be checked again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, put, update
from souk_payments.domain import Payment, PaymentState, Refund
from souk_payments.ports import Checkpoint
from souk_payments.tables import PAYMENTS, REFUNDS, bucket_of

CHECKPOINT = "#checkpoint"
"""The key of the reconciler's checkpoint among the payments."""
_KEPT = ("bucket", "createdAt", "version", "saidTo", "checkAt")
"""Attributes of a payment's item that no `Payment` has, or that never change."""


def payment_row(payment: Payment, made_at: datetime) -> Row:
    """The item of a new payment."""
    row = {"bucket": bucket_of(payment.order_id), "createdAt": _moment(made_at), "version": 1}
    return changed_row(row, payment)


def changed_row(row: Row, payment: Payment) -> Row:
    """The item of a payment that has become this one. Its version is the caller's to raise."""
    kept = {name: row[name] for name in _KEPT if name in row}
    if payment.state is PaymentState.CAPTURED:
        kept["capturedSince"] = f"{row['createdAt']}#{payment.order_id}"
    texts = {
        "method": payment.method,
        "paymentId": payment.payment_id,
        "reason": payment.reason,
    }
    return {
        **kept,
        "orderId": payment.order_id,
        "state": payment.state,
        "currency": payment.currency,
        "capturedMinor": payment.captured_minor,
        "owedMinor": payment.owed_minor,
        "refundedMinor": payment.refunded_minor,
        **{name: text for name, text in texts.items() if text is not None},
    }


def checked_row(row: Row, due_at: datetime | None) -> Row:
    """The item of a payment that is to be checked at that time, or no more."""
    rest = {name: value for name, value in row.items() if name != "checkAt"}
    return rest if due_at is None else rest | {"checkAt": f"{_moment(due_at)}#{row['orderId']}"}


def payment_of(row: Row) -> Payment:
    """The payment of an item."""
    return Payment(
        row["orderId"],
        PaymentState(row["state"]),
        row["currency"],
        method=row.get("method"),
        payment_id=row.get("paymentId"),
        captured_minor=row["capturedMinor"],
        owed_minor=row["owedMinor"],
        refunded_minor=row["refundedMinor"],
        reason=row.get("reason"),
        created_at=datetime.fromisoformat(row["createdAt"]),
    )


def payment_write(before: Row | None, after: Row) -> Write | None:
    """Makes of a payment's item what it is to be; None where it is so already."""
    if before is None:
        return insert(PAYMENTS, after)
    sets = {name: value for name, value in after.items() if name not in before or before[name] != value}
    removes = [name for name in before if name not in after]
    if not sets and not removes:
        return None
    is_checked_alone = after["version"] == before["version"]
    when = ("version", "present", None) if is_checked_alone else ("version", "=", before["version"])
    return update(PAYMENTS, {"orderId": after["orderId"]}, sets=sets, removes=removes, when=[when])


def refund_row(refund: Refund, owed_at: datetime) -> Row:
    """The item of a refund that is owed."""
    return {
        "refundKey": refund.refund_key,
        "orderId": refund.order_id,
        "paymentId": refund.payment_id,
        "amountMinor": refund.amount_minor,
        "currency": refund.currency,
        "createdAt": _moment(owed_at),
        **({} if refund.refund_id is None else {"refundId": refund.refund_id}),
    }


def refund_of(row: Row) -> Refund:
    """The refund of an item."""
    return Refund(
        row["refundKey"], row["orderId"], row["paymentId"], row["amountMinor"], row["currency"], row.get("refundId")
    )


def refund_write(before: Row | None, after: Row) -> Write:
    """Keeps a refund that is owed, once, or that it is done, once."""
    if before is None:
        return insert(REFUNDS, after)
    key = {"refundKey": after["refundKey"]}
    when = [("refundKey", "present", None), ("refundId", "absent", None)]
    return update(REFUNDS, key, sets={"refundId": after["refundId"]}, when=when)


def checkpoint_write(before: Row | None, to: Checkpoint) -> Write:
    """Moves the reconciler's checkpoint from where it was seen."""
    was = ("place", "absent", None) if before is None else ("place", "=", before["place"])
    return put(PAYMENTS, {"orderId": CHECKPOINT, "place": age_key(to)}, when=[was])


def checkpoint_of(row: Mapping[str, str]) -> Checkpoint:
    """What `checkpoint_write` wrote."""
    moment, _, order_id = row["place"].partition("#")
    return Checkpoint(datetime.fromisoformat(moment), order_id)


def age_key(at: Checkpoint) -> str:
    """What the index by age is sorted by: the time of making, then the order's id."""
    return f"{_moment(at.created_at)}#{at.order_id}"


def before_moment(at: datetime) -> str:
    """Above the keys of all that has an earlier time, and below those of this time and later."""
    return _moment(at)


def after_moment(at: datetime) -> str:
    """Above the keys of all that has this time or an earlier one, and below those of later ones."""
    return f"{_moment(at)}$"  # the character after `#`


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
