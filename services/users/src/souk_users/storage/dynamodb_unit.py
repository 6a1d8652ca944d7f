"""A unit of work of the users service on DynamoDB."""

import random
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.writes import insert
from souk_users.domain import Account, email_key
from souk_users.storage.dynamodb_rows import Failures, email_row, failed_key, user_row
from souk_users.tables import EMAILS, EVENTS, FAILED, USERS


class DynamoUsersUnit(DynamoUnit):
    """See `souk_users.ports.UsersUnit`, of which it has all but the queues."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random) -> None:
        super().__init__(tables, EVENTS, "users", clock, dice)
        self._added: set[str] = set()
        self._failures: dict[str, Failures] = {}

    async def add(self, account: Account) -> bool:
        """See the port. The account and its address are written together; of two that want one address the second
        fails at the end of its unit with CollisionError, and is told False when it is done again."""
        key = email_key(account.user.email)
        if key in self._added or await self.tables.get(EMAILS, key) is not None:
            return False
        self._added.add(key)
        self.writes += [insert(EMAILS, email_row(account)), insert(USERS, user_row(account.user))]
        return True

    async def count_failure(self, email: str, at: datetime) -> None:
        """See the port. Collides where a window begins or ends meanwhile, and not where others count in it."""
        key = email_key(email)
        self._failures[key] = (await self._known(key)).one_more(at)

    async def forget_failures(self, email: str) -> None:
        """See the port."""
        key = email_key(email)
        self._failures[key] = (await self._known(key)).forgotten()

    async def commit(self) -> None:
        """See `DynamoUnit`. A write alone goes without a transaction: transactions on one item refuse each other, and
        guesses at once must all be counted."""
        self.writes += [failures.write(key) for key, failures in self._failures.items()]
        if len(self.writes) == 1 and not self.published and not self.heard():
            await self.tables.write(self.writes[0])
        else:
            await super().commit()

    async def _known(self, key: str) -> Failures:
        if key in self._failures:
            return self._failures[key]
        row = await self.tables.get(FAILED, *failed_key(key))
        since = None if row is None else str(row["since"])
        return Failures(since, since)
