"""The payments service's tables in DynamoDB, and those of the sandbox provider, which stand for an outside system's.

| table | key | item |
|---|---|---|
| Payments | `orderId` | an order's payment, with when it is to be checked again |
| | `#checkpoint` | how far the reconciler has come; no order's id has a `#` |
| Refunds | `refundKey` | a refund, owed or done |
| PaymentsEvents | `slot`, `id` | the outbox and the inbox |
| SandboxBooks | `orderId`, `entry` | the sandbox's charges and refunds of an order, and their totals |

Each index is keyed by a bucket of the order's id, so that no partition of it is hot. An index has keys alone: what it
finds is read from its table, as it is now, and a change of an amount is no write to an index.
"""

import zlib

from souk_chassis.storage.dynamodb.outbox import events_table
from souk_chassis.storage.dynamodb.schema import Index, Table

BUCKETS = 32
"""Partition keys of each index: 32,000 new payments a second together."""
BUCKET_NAMES = tuple(f"{number:02x}" for number in range(BUCKETS))

BY_ID = Index("byId", "bucket", "orderId")
"""All payments, for the audit."""
BY_AGE = Index("byAge", "bucket", "capturedSince")
"""Payments that are captured and not refunded, in the order of making."""
BY_CHECK = Index("byCheck", "bucket", "checkAt")
"""The few that the reconciler is to look at again, by when."""

PAYMENTS = Table("Payments", "orderId", indexes=(BY_ID, BY_AGE, BY_CHECK))
REFUNDS = Table("Refunds", "refundKey")
EVENTS = events_table("PaymentsEvents")
TABLES = (PAYMENTS, REFUNDS, EVENTS)

BOOKS_BY_ID = Index("byId", "bucket", "orderId")
"""The totals of orders that were charged."""
SANDBOX_BOOKS = Table("SandboxBooks", "orderId", "entry", indexes=(BOOKS_BY_ID,))
SANDBOX_TABLES = (SANDBOX_BOOKS,)


def bucket_of(order_id: str) -> str:
    """The bucket that an order's items are in."""
    return BUCKET_NAMES[zlib.crc32(order_id.encode()) % BUCKETS]
