"""Batches to SNS and SQS, which take 10 entries and 256 KB together, and may take some of them and refuse others."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from souk_chassis.aws.errors import RequestRefusedError, aws_unavailable, is_throttling
from souk_chassis.errors import SoukError
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import pause_s

BATCH_ENTRIES = 10
"""The most entries of one batch: AWS's own limit, for SNS and for SQS."""
BATCH_BYTES = 262_144
"""The most bytes of one batch, and of one message: bodies and attributes. AWS's own limit for SNS."""
BATCH_TRIES = 6
"""How often what was refused for the moment is tried, the first time included."""
BATCH_PAUSE_S = 0.05
"""The longest pause before the second try; it doubles with each."""
BATCH_PAUSE_CAP_S = 1.0
"""The longest pause before any try."""

_POLICY = Policy(attempts=BATCH_TRIES, backoff_base_s=BATCH_PAUSE_S, backoff_cap_s=BATCH_PAUSE_CAP_S)

_NO_XML = "[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]"

T = TypeVar("T")


class Attributed(msgspec.Struct, frozen=True):
    """A message's text and what is told about it. Values are texts; an `int` goes as a number."""

    body: str
    attributes: Mapping[str, str | int] = {}

    def weight(self) -> int:
        """Bytes that count against `BATCH_BYTES`."""
        parts = [self.body]
        for name, value in self.attributes.items():
            parts += [name, data_type(value), str(value)]
        return sum(len(part.encode()) for part in parts)


class Failed(msgspec.Struct, frozen=True):
    """An entry that was not taken: its place in the batch, and AWS's word for why."""

    place: int
    code: str
    message: str
    sender_fault: bool

    @property
    def may_pass(self) -> bool:
        """Whether a repeat may help."""
        return not self.sender_fault or is_throttling(self.code)


def data_type(value: str | int) -> str:
    """The type of an attribute in AWS's words."""
    return "Number" if isinstance(value, int) else "String"


def sendable(body: str) -> str:
    """Text that SNS and SQS take: what XML can't hold, as escapes of JSON. Of JSON itself that is U+FFFE and U+FFFF."""
    if body.isprintable():  # as nearly always: the expression costs more, and 3 ms to compile
        return body
    return re.sub(_NO_XML, lambda found: f"\\u{ord(found[0]):04x}", body)


def batched(entries: Sequence[T], weight: Callable[[T], int] = lambda _: 0) -> list[list[T]]:
    """Entries in their order, in batches that AWS takes. None may weigh more than `BATCH_BYTES` alone."""
    batches: list[list[T]] = []
    total = 0
    for entry in entries:
        weighs = weight(entry)
        if not batches or len(batches[-1]) == BATCH_ENTRIES or total + weighs > BATCH_BYTES:
            batches.append([])
            total = 0
        batches[-1].append(entry)
        total += weighs
    return batches


async def until_taken(
    entries: Sequence[T],
    send: Callable[[Sequence[T]], Awaitable[Sequence[Failed]]],
    dice: random.Random,
) -> None:
    """Send a batch; send again what failed for the moment, with full jitter, `BATCH_TRIES` times in all.

    An answer that was lost is asked for by sending again: these queues deliver at least once as it is. Raises the last
    SoukError, or `RequestRefusedError` where entries were refused for good, once the others are taken.
    """
    left = list(entries)
    refused: list[Failed] = []
    for attempt in range(1, BATCH_TRIES + 1):
        error: SoukError | None = None
        try:
            failed = await send(left)
        except SoukError as raised:
            if not raised.rule.retryable:
                raise
            error = raised
        else:
            refused += [each for each in failed if not each.may_pass]
            left = [left[each.place] for each in failed if each.may_pass]
            if not left:
                break
        if attempt == BATCH_TRIES:
            raise error or aws_unavailable()
        await asyncio.sleep(pause_s(_POLICY, attempt, dice) or 0.0)
    if refused:
        raise RequestRefusedError(f"{len(refused)} entries: {refused[0].code}: {refused[0].message}", refused[0].code)
