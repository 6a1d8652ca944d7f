"""The users store on DynamoDB: one account an address by a transaction of both, and failed sign-ins beside it.

Counts of windows that are over are passed over by all reads. DynamoDB removes them by itself, at no cost, some time
later; `forget_old_failures` is for those who do not want to wait for it.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.errors import ConditionFailedError
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import delete
from souk_users.domain import SignIn, User, email_key
from souk_users.storage.dynamodb_rows import FAILURE_SLOTS, failed_key, is_over, slot, user_of
from souk_users.storage.dynamodb_unit import DynamoUsersUnit
from souk_users.tables import EMAILS, EVENTS, FAILED, USERS


class DynamoUserStore(DynamoDatabase[DynamoUsersUnit]):
    """See `souk_users.ports.UserStore`, of which it has all but the queues. `dice` chooses slots of the outbox."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        tables, dice = Tables(client), dice or random.Random()  # noqa: S311 - spreads load, and no secret
        super().__init__(tables, EVENTS, clock, lambda: DynamoUsersUnit(tables, clock, dice))

    async def find_user(self, user_id: str) -> User | None:
        """See the port."""
        row = await self.tables.get(USERS, user_id)
        return None if row is None else user_of(row)

    async def find_sign_in(self, email: str, now: datetime) -> SignIn:
        """See the port."""
        key = email_key(email)
        account, failed = await asyncio.gather(self.tables.get(EMAILS, key), self.tables.get(FAILED, *failed_key(key)))
        failures = 0 if failed is None or is_over(failed["since"], now) else int(failed["failures"])
        if account is None:
            return SignIn(None, None, failures)
        return SignIn(account["userId"], account["passwordHash"], failures)

    async def find_users(self, user_ids: Sequence[str]) -> Sequence[User]:
        """See the port."""
        rows = await self.tables.get_many(USERS, [(user_id,) for user_id in user_ids])
        return [user_of(row) for row in rows.values()]

    async def forget_old_failures(self, now: datetime) -> int:
        """See the port. It reads every slot, and what it holds is no more than what failed of late."""
        forgotten = 0
        for number in range(FAILURE_SLOTS):
            for row in await self.tables.query(FAILED, slot(number)):
                forgotten += is_over(row["since"], now) and await self._forget(row)
        return forgotten

    async def _forget(self, row: Row) -> bool:
        """Remove a count, unless a new window has begun meanwhile."""
        key = {"slot": row["slot"], "emailKey": row["emailKey"]}
        try:
            await self.tables.write(delete(FAILED, key, [("since", "=", row["since"])]))
        except ConditionFailedError:
            return False
        return True
