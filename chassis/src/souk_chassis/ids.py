"""Identifiers: what callers may bring, and the UUIDv7 that Souk makes (RFC 9562, section 5.7)."""

import time
from typing import Annotated

import msgspec

from souk_chassis.entropy import random_hex

ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}(?!\n)$"
"""Ids of orders, customers and products: a shop brings the ids it has."""

Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, max_length=64, description="1 to 64 characters of A-Za-z0-9._-")]

_last_ns = 0
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""Two random bits behind the two that tell the layout of RFC 9562."""


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
    head = f"{millis:012x}{0x7000 | (fraction_ns * 4096 // 1_000_000):04x}"
    tail = random_hex(16)
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-{_VARIANT[tail[0]]}{tail[1:4]}-{tail[4:]}"
