"""Hashing passwords: right and wrong ones, and the bounds on how many are hashed."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from souk_chassis.auth import passwords
from souk_chassis.auth.passwords import HASHES_AT_ONCE, hash_password, verify_password
from souk_chassis.errors import ErrorKind, SoukError


class GatedHasher(PasswordHasher):
    """A cheap hasher whose work waits for a gate, and that knows how many wait there at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.gate = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.inside = self.most = self.done = 0
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.arrived.release()
        assert self.gate.wait(10)
        with self._lock:
            self.inside -= 1
            self.done += 1
        return super().hash(password, salt=salt)


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> GatedHasher:
    hasher = GatedHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    return hasher


async def test_a_password_fits_its_own_hash_alone() -> None:
    first, second = await hash_password("correct horse"), await hash_password("correct horse")
    assert first != second
    assert first.startswith("$argon2id$")
    assert await verify_password(first, "correct horse")
    assert not await verify_password(first, "Correct horse")


async def test_what_is_no_hash_fits_nothing() -> None:
    assert not await verify_password(None, "no user has this password")
    assert not await verify_password("no hash", "no hash")


def test_many_at_once_work_in_one_event_loop_after_another(gated: GatedHasher) -> None:
    gated.gate.set()

    async def many() -> list[str]:
        return await asyncio.gather(*(hash_password("secret words") for _ in range(3 * HASHES_AT_ONCE)))

    for _ in range(2):
        assert len(asyncio.run(many())) == 3 * HASHES_AT_ONCE


async def test_a_cancelled_hash_holds_its_place_until_it_ends(gated: GatedHasher) -> None:
    first = [asyncio.create_task(hash_password("secret words")) for _ in range(HASHES_AT_ONCE)]
    for _ in first:
        assert await asyncio.to_thread(gated.arrived.acquire, timeout=10)
    for task in first:
        task.cancel()
    await asyncio.wait(first)
    following = asyncio.create_task(hash_password("secret words"))
    assert not await asyncio.to_thread(gated.arrived.acquire, timeout=0.05)
    gated.gate.set()
    await following
    assert gated.most == HASHES_AT_ONCE


async def test_a_full_line_refuses_and_recovers(gated: GatedHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 3)
    tasks = [asyncio.create_task(hash_password("secret words")) for _ in range(3)]
    for _ in range(HASHES_AT_ONCE):
        assert await asyncio.to_thread(gated.arrived.acquire, timeout=10)
    for attempt in (hash_password("secret words"), verify_password(None, "secret words")):
        with pytest.raises(SoukError) as caught:
            await attempt
        assert caught.value.kind is ErrorKind.TOO_MANY
    gated.gate.set()
    await asyncio.gather(*tasks)
    assert await hash_password("secret words")
    assert gated.done == 4
