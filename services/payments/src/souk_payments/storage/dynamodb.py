"""The payments store on DynamoDB: units of work that commit by conditional transactions, and reads beside them.

Pages and the reconciler's lists are found by indexes, which are a moment behind their table, and read from the table.
A payment is compared with its order when it is ten minutes old: what it is behind does not count there.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.schema import Index
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_payments.domain import Payment, PaymentState, Refund
from souk_payments.ports import Checkpoint
from souk_payments.storage.dynamodb_rows import (
    CHECKPOINT,
    after_moment,
    age_key,
    before_moment,
    checkpoint_of,
    payment_of,
    refund_of,
)
from souk_payments.storage.dynamodb_unit import DynamoPaymentUnit
from souk_payments.tables import BUCKET_NAMES, BY_AGE, BY_CHECK, BY_ID, EVENTS, PAYMENTS, REFUNDS


class DynamoPaymentStore(DynamoDatabase[DynamoPaymentUnit]):
    """See `souk_payments.ports.PaymentStore`. `dice` chooses slots of the outbox."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        rolled = dice or random.Random()  # noqa: S311 - spreads load, and no secret
        tables = Tables(client)
        super().__init__(tables, EVENTS, clock, lambda: DynamoPaymentUnit(tables, clock, rolled))

    async def states(self, order_ids: Collection[str]) -> Mapping[str, PaymentState]:
        """See the port."""
        return {row["orderId"]: PaymentState(row["state"]) for row in await self._payments(order_ids)}

    async def refunds(self, refund_keys: Collection[str]) -> Mapping[str, Refund]:
        """See the port."""
        rows = await self.tables.get_many(REFUNDS, [(key,) for key in refund_keys])
        return {key: refund_of(row) for (key,), row in rows.items()}

    async def page(self, after_order_id: str, limit: int) -> Sequence[Payment]:
        """See the port. It reads from every bucket."""
        return [payment_of(row) for row in await self._listed(BY_ID, limit, after=after_order_id or None)]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        row = await self.tables.get(PAYMENTS, CHECKPOINT)
        return None if row is None else checkpoint_of(row)

    async def captured_after(self, seen: Checkpoint | None, before: datetime, limit: int) -> Sequence[Payment]:
        """See the port. It reads from every bucket."""
        after = None if seen is None else age_key(seen)
        rows = await self._listed(BY_AGE, limit, after=after, until=before_moment(before))
        return [payment_of(row) for row in rows if "capturedSince" in row]

    async def kept(self, now: datetime, limit: int) -> Sequence[Payment]:
        """See the port. It reads from every bucket."""
        end = after_moment(now)
        rows = await self._listed(BY_CHECK, limit, until=end)
        return [payment_of(row) for row in rows if row.get("checkAt", end) < end]

    async def _listed(
        self, index: Index, limit: int, *, after: str | None = None, until: str | None = None
    ) -> list[Row]:
        """What an index lists, in its order, as it is in the table."""
        shards = Shards(self.tables, PAYMENTS, index.name, index.range_key, BUCKET_NAMES)
        found = await shards.first(limit, after=after, until=until)
        return await self._payments([row["orderId"] for row in found])

    async def _payments(self, order_ids: Iterable[str]) -> list[Row]:
        ids = list(order_ids)
        rows = await self.tables.get_many(PAYMENTS, [(order_id,) for order_id in ids])
        return [rows[order_id,] for order_id in ids if (order_id,) in rows]
