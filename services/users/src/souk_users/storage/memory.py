"""The users service's store in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_users.domain import FAILURE_WINDOW, Account, SignIn, User, email_key


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    since: datetime


class MemoryUsersUnit(MemoryUnit):
    """See `souk_users.ports.UsersUnit`."""

    async def add(self, account: Account) -> bool:
        """See the port."""
        key = email_key(account.user.email)
        if self.get("user_ids", key) is not None:
            return False
        self.put("user_ids", key, account.user.user_id)
        self.put("accounts", account.user.user_id, account)
        return True

    async def count_failure(self, email: str, at: datetime) -> None:
        """See the port."""
        key = email_key(email)
        known: _Failures | None = self.get("failed_sign_ins", key)
        if known is None or known.since <= at - FAILURE_WINDOW:
            known = _Failures(0, at)
        self.put("failed_sign_ins", key, _Failures(known.count + 1, known.since))

    async def forget_failures(self, email: str) -> None:
        """See the port."""
        self.delete("failed_sign_ins", email_key(email))


class MemoryUserStore(MemoryDatabase[MemoryUsersUnit]):
    """See `souk_users.ports.UserStore`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("users", clock, MemoryUsersUnit)

    async def find_user(self, user_id: str) -> User | None:
        """See the port."""
        await self.ping()
        account: Account | None = self.tables["accounts"].get(user_id)
        return None if account is None else account.user

    async def find_sign_in(self, email: str, now: datetime) -> SignIn:
        """See the port."""
        await self.ping()
        key = email_key(email)
        account: Account | None = self.tables["accounts"].get(self.tables["user_ids"].get(key))
        known: _Failures | None = self.tables["failed_sign_ins"].get(key)
        failures = known.count if known is not None and known.since > now - FAILURE_WINDOW else 0
        if account is None:
            return SignIn(None, None, failures)
        return SignIn(account.user.user_id, account.password_hash, failures)

    async def find_users(self, user_ids: Sequence[str]) -> Sequence[User]:
        """See the port."""
        await self.ping()
        accounts = self.tables["accounts"]
        return [accounts[user_id].user for user_id in set(user_ids) if user_id in accounts]

    async def forget_old_failures(self, now: datetime) -> int:
        """See the port."""
        async with self.unit() as unit:
            failures = self.tables["failed_sign_ins"]
            old = [key for key, known in failures.items() if known.since <= now - FAILURE_WINDOW]
            for key in old:
                unit.delete("failed_sign_ins", key)
        return len(old)
