"""The app around the routes: is the process alive, and does it have what it needs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from souk_chassis.errors import unavailable
from souk_chassis.http.health import readiness
from souk_chassis.runtimes.asgi import app


async def fine() -> None:
    """A dependency that answers."""


async def away() -> None:
    raise unavailable("database_unavailable", "The database can't be reached just now.")


async def broken() -> None:
    raise ZeroDivisionError("oh")


async def hanging() -> None:
    await asyncio.sleep(60)


async def get(path: str, checks: Mapping[str, Callable[[], Awaitable[None]]]) -> tuple[int, Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app([], checks)(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_a_process_that_answers_is_healthy_whatever_it_lacks() -> None:
    assert await get("/health", {"database": away}) == (200, {"status": "ok"})


async def test_it_is_ready_when_all_is_there() -> None:
    assert await get("/ready", {"database": fine, "mail": fine}) == (200, {"status": "ready", "missing": {}})
    assert (await get("/ready", {}))[0] == 200


async def test_it_names_what_is_missing() -> None:
    status, body = await get("/ready", {"database": away, "mail": fine, "provider": broken})
    assert (status, body["status"]) == (503, "unready")
    assert body["missing"] == {
        "database": "The database can't be reached just now.",
        "provider": "ZeroDivisionError: oh",
    }


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    answer = await readiness({"bus": hanging}, {"mail": hanging}, timeout_s=0.05)
    assert (answer.missing, answer.degraded) == ({"bus": "no answer within 0 s"}, {"mail": "no answer within 0 s"})


async def test_checks_are_asked_at_once() -> None:
    meeting = asyncio.Barrier(3)

    async def meet() -> None:
        await meeting.wait()

    answer = await asyncio.wait_for(readiness(dict.fromkeys("abc", meet)), 10)
    assert answer.missing == {}


async def test_other_paths_are_not_found() -> None:
    status, body = await get("/nowhere", {})
    assert (status, body["code"]) == (404, "no_such_route")
