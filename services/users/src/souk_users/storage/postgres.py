"""The users service's store on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.storage.postgres import PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_users.domain import FAILURE_WINDOW, Account, SignIn, User, email_key

_ADD = """
INSERT INTO users (user_id, email, email_key, name, password_hash, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (email_key) DO NOTHING RETURNING user_id
"""
_COUNT_FAILURE = """
INSERT INTO failed_sign_ins AS known (email_key, failures, since) VALUES ($1, 1, $2)
ON CONFLICT (email_key) DO UPDATE SET
    failures = CASE WHEN known.since <= $3 THEN 1 ELSE known.failures + 1 END,
    since = CASE WHEN known.since <= $3 THEN $2 ELSE known.since END
"""
_FIND_SIGN_IN = """
SELECT user_id, password_hash, coalesce(failures, 0)
FROM (SELECT $1::text AS email_key) AS asked
LEFT JOIN users USING (email_key)
LEFT JOIN failed_sign_ins AS known ON known.email_key = asked.email_key AND known.since > $2
"""
_PUBLIC = "user_id, email, name, created_at"


class PostgresUsersUnit(PostgresUnit):
    """See `souk_users.ports.UsersUnit`."""

    async def add(self, account: Account) -> bool:
        """See the port."""
        user = account.user
        added = await self.connection.fetchval(
            _ADD, user.user_id, user.email, email_key(user.email), user.name, account.password_hash, user.created_at
        )
        return added is not None

    async def count_failure(self, email: str, at: datetime) -> None:
        """See the port."""
        await self.connection.execute(_COUNT_FAILURE, email_key(email), at, at - FAILURE_WINDOW)

    async def forget_failures(self, email: str) -> None:
        """See the port."""
        await self.connection.execute("DELETE FROM failed_sign_ins WHERE email_key = $1", email_key(email))


class PostgresUserStore(PostgresDatabase[PostgresUsersUnit]):
    """See `souk_users.ports.UserStore`."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        super().__init__(pool, "users", clock, PostgresUsersUnit)

    async def find_user(self, user_id: str) -> User | None:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow(f"SELECT {_PUBLIC} FROM users WHERE user_id = $1", user_id)
        return None if row is None else User(*row)

    async def find_sign_in(self, email: str, now: datetime) -> SignIn:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow(_FIND_SIGN_IN, email_key(email), now - FAILURE_WINDOW)
        assert row is not None  # noqa: S101 - the statement always answers one row
        return SignIn(*row)

    async def find_users(self, user_ids: Sequence[str]) -> Sequence[User]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                f"SELECT {_PUBLIC} FROM users WHERE user_id = ANY($1::text[])",
                list(user_ids),
            )
        return [User(*row) for row in rows]

    async def forget_old_failures(self, now: datetime) -> int:
        """See the port."""
        with translated():
            status = await self.pool.execute("DELETE FROM failed_sign_ins WHERE since <= $1", now - FAILURE_WINDOW)
        return int(status.rsplit(" ", 1)[1])
