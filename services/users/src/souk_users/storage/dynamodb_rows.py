"""How the users service writes its items in DynamoDB. The tables are in `souk_users.tables`."""

import math
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, delete, insert, put, update
from souk_users.domain import FAILURE_WINDOW, Account, User, email_key
from souk_users.tables import FAILED

FAILURE_SLOTS = 16
"""Partition keys of failed sign-ins, which housekeeping reads one by one: 16,000 write units a second together."""


def user_row(user: User) -> Row:
    """An account's item, without its password."""
    created_at = moment(user.created_at)
    return {"userId": user.user_id, "email": user.email, "name": user.name, "createdAt": created_at}


def user_of(row: Row) -> User:
    """The user of an item."""
    return User(row["userId"], row["email"], row["name"], datetime.fromisoformat(row["createdAt"]))


def email_row(account: Account) -> Row:
    """The item that makes the address this account's, and nobody else's."""
    key = email_key(account.user.email)
    return {"emailKey": key, "userId": account.user.user_id, "passwordHash": account.password_hash}


def slot(number: int) -> str:
    """The name of a slot of failed sign-ins."""
    return f"failed#{number:x}"


def failed_key(key: str) -> tuple[str, str]:
    """Where the failures of an address are counted."""
    return slot(zlib.crc32(key.encode()) % FAILURE_SLOTS), key


def moment(at: datetime) -> str:
    """A time whose order is that of its text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def is_over(since: str, now: datetime) -> bool:
    """Whether a window that began then is over."""
    return since <= moment(now - FAILURE_WINDOW)


@dataclass(frozen=True, slots=True)
class Failures:
    """What a unit of work does to the failures of one address.

    `was` is when the window began that the unit has read, `since` when the one begins that it leaves; None where there
    is none. `count` is added where that is the same window, which `goes_on`, and set in a new one.
    """

    was: str | None
    since: str | None
    count: int = 0
    goes_on: bool = True

    def one_more(self, at: datetime) -> "Failures":
        """After a further failure."""
        if self.since is None or is_over(self.since, at):
            return replace(self, since=moment(at), count=1, goes_on=False)
        return replace(self, count=self.count + 1)

    def forgotten(self) -> "Failures":
        """After the right password."""
        return replace(self, since=None, count=0, goes_on=False)

    def write(self, key: str) -> Write:
        """The write of an address. Its condition is that the window that was read is still the one there: counts that
        were added to it meanwhile are added up, and forgetting asks for nothing."""
        place, name = failed_key(key)
        keys = {"slot": place, "emailKey": name}
        if self.since is None:
            return delete(FAILED, keys)
        if self.goes_on:
            return update(FAILED, keys, adds={"failures": self.count}, when=[("since", "=", self.was)])
        ends_s = math.ceil((datetime.fromisoformat(self.since) + FAILURE_WINDOW).timestamp())
        row = {**keys, "failures": self.count, "since": self.since, "expiresAt": ends_s}
        return insert(FAILED, row) if self.was is None else put(FAILED, row, [("since", "=", self.was)])
