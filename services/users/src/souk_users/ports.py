"""What the users service needs of a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from souk_chassis.storage.ports import Store, Unit
from souk_users.domain import Account, SignIn, User


class UsersUnit(Unit, Protocol):
    """Writes of one unit of work."""

    async def add(self, account: Account) -> bool:
        """Store a new account. False, and nothing stored, where the e-mail address has one (in any case of letters)."""

    async def count_failure(self, email: str, at: datetime) -> None:
        """Count a failed sign-in for an address, with or without an account. A window that is over starts anew."""

    async def forget_failures(self, email: str) -> None:
        """Start from zero: the right password was given."""


class UserStore(Store[UsersUnit], Protocol):
    """Reads outside a unit of work, and housekeeping."""

    async def find_user(self, user_id: str) -> User | None:
        """The user of that id."""

    async def find_sign_in(self, email: str, now: datetime) -> SignIn:
        """The account of an e-mail address, if any, and its failures in the window that is running `now`."""

    async def find_users(self, user_ids: Sequence[str]) -> Sequence[User]:
        """Those users who exist, in no order."""

    async def forget_old_failures(self, now: datetime) -> int:
        """Remove the counts whose window is over. Returns how many."""
