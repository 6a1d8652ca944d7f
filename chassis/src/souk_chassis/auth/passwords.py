"""Passwords: argon2id with the library's parameters (RFC 9106), hashed off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from souk_chassis.errors import too_many

T = TypeVar("T")

HASHES_AT_ONCE = 2
"""A hash takes 64 MiB and a core for some 50 ms: two at once keep both bounded."""
MAX_WAITING = 200
"""Hashes that run or wait, in one process; one more is refused. The last of them waits for some 5 s."""

_hasher = PasswordHasher()
_unknown_user_hash = _hasher.hash("no user has this password")
_waiting = 0

# Threads, not a semaphore: a hash whose caller was cancelled goes on, and holds its place until it ends.
_threads = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="souk-passwords")


async def hash_password(password: str) -> str:
    """The encoded argon2id hash of `password`, with its salt and parameters. Raises SoukError `too_many`."""
    return await _in_thread(lambda: _hasher.hash(password))


async def verify_password(encoded_hash: str | None, password: str) -> bool:
    """True where `password` is the hash's. Takes as long for None (no such user), so that time tells nothing.

    Raises SoukError `too_many` where too many hashes wait.
    """

    def verify() -> bool:
        try:
            _hasher.verify(encoded_hash or _unknown_user_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded_hash is not None

    return await _in_thread(verify)


async def _in_thread(work: Callable[[], T]) -> T:
    global _waiting
    if _waiting >= MAX_WAITING:
        raise too_many("overloaded", "Too many passwords are being checked.", retry_after_s=1.0)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting -= 1
