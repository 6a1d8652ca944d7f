"""What the tests of the users service share: a cheap hash, a clock that stands still, and contexts for callers."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from souk_chassis.auth import passwords
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity
from souk_chassis.auth.keys import new_key
from souk_chassis.context import Call, Context
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline
from souk_chassis.storage.record_memory import MemoryRecords
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines
from souk_users.operations import Users


class CountingHasher(PasswordHasher):
    """The real algorithm at its least cost, counting how often a hash is compared."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 - the library's name
        self.compared += 1
        return super().verify(hash, password)


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    cheap = CountingHasher()
    monkeypatch.setattr(passwords, "_hasher", cheap)
    monkeypatch.setattr(passwords, "_unknown_user_hash", cheap.hash("nobody"))
    return cheap


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def log_lines() -> RecordedLines:
    return RecordedLines()


@pytest.fixture
def users(clock: ManualClock) -> Users:
    store = MemoryRecords("users", clock)
    return Users(store, store, new_key("users"))


@pytest.fixture
def as_caller(users: Users, clock: ManualClock, log_lines: RecordedLines) -> Callable[..., Context[Users]]:
    """Makes the context of a call on behalf of an identity."""

    def context(identity: Identity = ANONYMOUS, deps: Users = users) -> Context[Users]:
        call = Call(Caller(identity), TRACEPARENT, Deadline.after(10.0, clock))
        return Context(deps, "users", Log("user-service", log_lines), clock, NoWayOut(), call, deps.store)

    return context


class NoWayOut:
    """The users service calls nobody."""

    async def dispatch(self, operation: Any, request: Any, call: Call) -> Any:
        raise AssertionError(f"called {operation.name}")

    def stream(self, operation: Any, request: Any, call: Call) -> Any:
        raise AssertionError(f"called {operation.name}")
