"""Passwords: argon2id with the library's parameters (RFC 9106), hashed off the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()
_at_once = asyncio.Semaphore(2)
"""A hash takes 64 MiB and a core for some 50 ms: two at once keep both bounded."""

_unknown_user_hash = _hasher.hash("no user has this password")


async def hash_password(password: str) -> str:
    """The encoded argon2id hash of `password`, with its salt and parameters."""
    async with _at_once:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(encoded_hash: str | None, password: str) -> bool:
    """True where `password` is the hash's. Takes as long for None (no such user), so that time tells nothing."""

    def verify() -> bool:
        try:
            _hasher.verify(encoded_hash or _unknown_user_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded_hash is not None

    async with _at_once:
        return await asyncio.to_thread(verify)
