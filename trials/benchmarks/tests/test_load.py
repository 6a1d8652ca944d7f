"""The load generator, on a server of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from trials.benchmarks.load import Load, requests_of
from trials.benchmarks.plan import LoadPlan, LoadResult

Answer = Callable[[int], Awaitable[int | None]]


@asynccontextmanager
async def server(answer: Answer, closes: int = 0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers the n-th request with the status that `answer(n)` gives, or hangs up. Keeps the bodies. Where `closes` is
    given, the connection of one in so many requests ends with its answer."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                bodies.append(await reader.readexactly(length))
                status = await answer(len(bodies))
                if status is None:
                    return
                last = bool(closes) and len(bodies) % closes == 0
                head = b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n" % status
                writer.write(head + b"connection: close\r\n" * last + b"\r\n{}")
                if last:
                    return
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", bodies
    finally:
        listener.close()
        await listener.wait_closed()


def plan(url: str, **changes: object) -> LoadPlan:
    given: dict[str, object] = {
        "url": url,
        "path": "/orders",
        "token": "t",
        "bodies": ("a", "bc"),
        "mode": "open",
        "seconds": 0.2,
        "connections": 4,
        "rate_per_s": 200.0,
        "arrivals": "constant",
    }
    return LoadPlan(**(given | changes))  # type: ignore[arg-type]


async def run(what: LoadPlan) -> LoadResult:
    return await Load(what, requests_of(what)).run()


async def at_once(_: int) -> int:
    return 201


async def test_an_open_loop_makes_each_request_of_the_schedule_once_and_the_bodies_in_turn() -> None:
    async with server(at_once) as (url, bodies):
        result = await run(plan(url))
    assert (result.asked, result.answered, result.done, result.refused, result.unfinished) == (40, 40, 40, 0, 0)
    assert sorted(bodies) == sorted([b"a", b"bc"] * 20)
    assert result.latency_ms.keys() == {"p50", "p90", "p99", "p999", "max"}


@pytest.mark.parametrize("mode", ["open", "closed"])
async def test_a_connection_that_ends_with_its_answer_is_opened_anew(mode: str) -> None:
    async with server(at_once, closes=3) as (url, bodies):
        result = await run(plan(url, mode=mode, connections=2))
    assert result.done == result.asked == len(bodies) >= 40
    assert result.unfinished == 0


async def test_waiting_for_a_free_connection_counts() -> None:
    async def slow_first(number: int) -> int:
        if number == 1:
            await asyncio.sleep(0.15)
        return 201

    async with server(slow_first) as (url, _):
        result = await run(plan(url, connections=1, rate_per_s=100.0, seconds=0.1))
    # Ten requests, 10 ms apart, behind the one that took 150 ms: the last waited for at least 60 ms though its answer
    # came at once.
    assert result.done == 10
    assert result.latency_ms["max"] >= 149
    assert result.latency_ms["p50"] >= 90


async def test_refusals_are_not_done() -> None:
    async def every_second(number: int) -> int:
        return 429 if number % 2 else 201

    async with server(every_second) as (url, _):
        result = await run(plan(url))
    assert (result.acknowledged, result.done, result.refused) == (20, 20, 20)


async def test_what_is_asked_before_the_measurement_is_not_measured() -> None:
    async with server(at_once) as (url, _):
        result = await run(plan(url, warm_s=0.1))
    assert (result.asked, result.acknowledged, result.done) == (40, 40, 20)
    # Half of the 40 were due in the 0.1 s; on a busy machine answers of the others come late into it.
    assert 0 < result.done_per_s <= 401
    assert result.warm_at == pytest.approx(result.began_at + 0.1)
    assert result.ended_at == pytest.approx(result.began_at + 0.2)


async def test_a_closed_loop_asks_again_when_it_is_answered() -> None:
    busy = most = 0

    async def watched(_: int) -> int:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.005)
        busy -= 1
        return 201

    async with server(watched) as (url, bodies):
        result = await run(plan(url, mode="closed", connections=3))
    assert most == 3
    assert 3 < result.done == len(bodies) <= 3 * 40


@pytest.mark.parametrize("mode", ["open", "closed"])
async def test_any_other_answer_ends_the_run(mode: str) -> None:
    async def broken(number: int) -> int:
        return 500 if number == 3 else 201

    async with server(broken) as (url, _):
        with pytest.raises(RuntimeError, match="answered with 500"):
            await run(plan(url, mode=mode))


async def test_a_lost_connection_ends_the_run() -> None:
    async def hang_up(number: int) -> int | None:
        return None if number == 3 else 201

    async with server(hang_up) as (url, _):
        with pytest.raises(RuntimeError, match="connection was lost"):
            await run(plan(url))


async def test_what_is_never_answered_counts_with_its_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trials.benchmarks.load.PATIENCE_S", 0.1)
    never = asyncio.Event()

    async def silent(number: int) -> int:
        if number > 1:
            await never.wait()
        return 201

    async with server(silent) as (url, _):
        result = await run(plan(url, connections=1, rate_per_s=100.0, seconds=0.1))
        never.set()
    assert (result.done, result.unfinished) == (1, 9)
    assert result.latency_ms["p50"] >= 100
