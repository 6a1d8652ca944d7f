"""Identifiers: what callers may bring, and the UUIDv7 that Souk makes (RFC 9562, section 5.7)."""

import time
from typing import Annotated

import msgspec

from souk_chassis.entropy import random_bytes

ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}(?!\n)$"
"""Ids of orders, customers and products: a shop brings the ids it has."""

Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, max_length=64, description="1 to 64 characters of A-Za-z0-9._-")]

_last_ns = 0


def uuid7() -> str:
    """A new UUIDv7 as text: milliseconds since 1970, then 12 bits of the fraction, then 62 random bits.

    Ids made one after another in one process sort in that order: the outbox is read by it.
    """
    global _last_ns
    now_ns = time.time_ns()
    if now_ns <= _last_ns:
        now_ns = _last_ns + 250  # one step of the 12-bit fraction is 244 ns
    _last_ns = now_ns
    millis, fraction_ns = divmod(now_ns, 1_000_000)
    head = (millis << 16) | 0x7000 | (fraction_ns * 4096 // 1_000_000)
    tail = (int.from_bytes(random_bytes(8), "big") & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    text = f"{head:016x}{tail:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
