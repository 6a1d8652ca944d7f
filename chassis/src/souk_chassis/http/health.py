"""Health and readiness, as every process answers them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from souk_chassis import wire
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.http.exchange import Answer, Headers

Check = Callable[[], Awaitable[None]]
"""Raises where something that is needed is away: SoukError with what to say of it."""

CHECK_TIMEOUT_S = 3.0
"""How long a readiness check may take before it counts as failed."""
JSON: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
HEALTHY: Answer = 200, JSON, b'{"status":"ok"}'
"""`/health`: the process answers."""


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of `/ready`. `missing` says by name what is away, and why; `degraded` what is away and not needed."""

    status: str
    missing: dict[str, str]
    degraded: dict[str, str] = {}


async def readiness(
    checks: Mapping[str, Check], beside: Mapping[str, Check] | None = None, timeout_s: float = CHECK_TIMEOUT_S
) -> Readiness:
    """Make all checks at once. Nothing is unready for what those of `beside` find away."""

    async def ask(check: Check) -> str | None:
        try:
            async with asyncio.timeout(timeout_s):
                await check()
        except SoukError as error:
            return error.detail
        except TimeoutError:
            return f"no answer within {timeout_s:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever keeps it from answering, it is not ready
            return f"{type(error).__name__}: {error}"
        return None

    async def ask_all(asked: Mapping[str, Check]) -> dict[str, str]:
        answers = await asyncio.gather(*(ask(check) for check in asked.values()))
        return {name: answer for name, answer in zip(asked, answers, strict=True) if answer is not None}

    missing, degraded = await asyncio.gather(ask_all(checks), ask_all(beside or {}))
    return Readiness("unready" if missing else "ready", missing, degraded)


async def ready_answer(
    checks: Mapping[str, Check], beside: Mapping[str, Check] | None = None, timeout_s: float = CHECK_TIMEOUT_S
) -> Answer:
    """The answer to `/ready`: 503 where something is missing."""
    found = await readiness(checks, beside, timeout_s)
    return 503 if found.missing else 200, JSON, wire.encode(found)


def check_readiness(name: str, answer: bytes) -> None:
    """Raise SoukError `unavailable` where a service's answer to `/ready` names something that is away, or can't be
    read: the whole needs also what the service itself can do without."""
    try:
        found = wire.decode(answer, Readiness)
    except wire.UNREADABLE:
        raise unavailable("service_unavailable", f"{name} answered what can't be read") from None
    if away := sorted({*found.missing, *found.degraded}):
        raise unavailable("service_unavailable", f"{name} misses {', '.join(away)}")
