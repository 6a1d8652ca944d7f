"""The load generator: a program that reads a plan from its standard input and writes what came of it.

It shares the machine with the shop under trial, so it spends little: bytes made beforehand, a protocol without streams,
a parser in C. A latency is measured from the moment at which the request was meant to be made: time spent waiting for a
free connection counts, as it does for a customer.

An answer other than 201 or 429, and a lost connection, end the run with an error. One that the server closes with its
answer is opened anew: processes that share an address do so.
"""

import asyncio
import gc
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

from trials.benchmarks.plan import LoadPlan, LoadResult
from trials.benchmarks.schedule import arrivals
from trials.benchmarks.spread import percentiles

TICK_S = 0.001
"""The shortest sleep until the next request is due. uvloop's clock is no finer; each answer looks as well."""
PATIENCE_S = 10.0
"""How long after the end of the schedule answers are waited for."""
REFUSED_PAUSE_S = 0.05
"""How long a connection of a closed loop waits after a refusal."""
DONE, REFUSED = 201, 429


class Connection(asyncio.Protocol):
    """One connection, with one request under way at most."""

    __slots__ = ("_last", "_load", "_parser", "_transport", "ending", "intended")

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._last = b""
        self.intended = 0.0
        self.ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class, of the same shape
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self.ending:
            self._load.lost(exc)

    def send(self, request: bytes, intended: float) -> None:
        """Make a request that was meant for the moment `intended`."""
        self.intended = intended
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._last = data
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        self.ending = not self._parser.should_keep_alive()
        if status in {DONE, REFUSED}:
            self._load.answered(self, status)
        else:
            self._load.fail(RuntimeError(f"answered with {status}: {self._last[-500:]!r}"))

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.abort()


class Load:
    """One run under way."""

    def __init__(self, plan: LoadPlan, requests: Sequence[bytes]) -> None:
        self._plan = plan
        self._requests = requests
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._open = plan.mode == "open"
        self._schedule = arrivals(plan.arrivals, plan.rate_per_s, plan.seconds, plan.seed) if self._open else array("d")
        self._pool: list[Connection] = []
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._next = 0
        self._began = self._warm = self._until = 0.0
        self._answers = self._acknowledged = self._done = self._refused = self._done_in_time = 0
        self._latencies = array("d")

    async def run(self) -> LoadResult:
        """Play the plan. Raises RuntimeError."""
        self._loop.set_exception_handler(self._broken)
        for _ in range(self._plan.connections):
            await self._connect()
        self._idle = self._pool.copy()
        cpu_s, began_at = time.process_time(), time.time()
        self._began = perf_counter()
        self._warm, self._until = self._began + self._plan.warm_s, self._began + self._plan.seconds
        self._loop.call_soon(self._tick if self._open else self._first)
        try:
            patience_s = self._plan.seconds + PATIENCE_S
            await asyncio.wait([self._finished], timeout=patience_s)
            if self._finished.done():
                self._finished.result()
            return self._result(time.process_time() - cpu_s, began_at)
        finally:
            if not self._finished.done():
                self._finished.cancel()
            for opening in self._opening:
                opening.cancel()
            for connection in self._pool:
                connection.close()

    def answered(self, connection: Connection, status: int) -> None:
        """A connection has its answer."""
        now = perf_counter()
        self._answers += 1
        if status == DONE:
            self._acknowledged += 1
            if connection.intended >= self._warm:
                self._done += 1
                self._latencies.append(now - connection.intended)
            if self._warm <= now < self._until:
                self._done_in_time += 1
        elif connection.intended >= self._warm:
            self._refused += 1
        self._busy.discard(connection)
        if connection.ending:
            opening = self._loop.create_task(self._replace(connection, status))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        else:
            self._free(connection, status, now)

    async def _connect(self) -> Connection:
        address = urlsplit(self._plan.url)
        _, connection = await self._loop.create_connection(
            lambda: Connection(self), address.hostname or "", address.port or 0
        )
        self._pool.append(connection)
        return connection

    async def _replace(self, ended: Connection, status: int) -> None:
        ended.close()
        self._pool.remove(ended)
        try:
            connection = await self._connect()
        except OSError as error:
            self.fail(RuntimeError(f"a connection was not opened anew: {error}"))
        else:
            self._free(connection, status, perf_counter())

    def _free(self, connection: Connection, status: int, now: float) -> None:
        if self._open:
            self._idle.append(connection)
            self._send_due(now)
        elif status == DONE:
            self._again(connection)
        else:
            self._loop.call_later(REFUSED_PAUSE_S, self._again, connection)

    def lost(self, error: Exception | None) -> None:
        """A connection ended, though we keep it open."""
        self.fail(RuntimeError(f"a connection was lost: {error or 'closed by the server'}"))

    def fail(self, error: Exception) -> None:
        """End the run with an error."""
        if not self._finished.done():
            self._finished.set_exception(error)

    def _broken(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.fail(RuntimeError(f"{context['message']}: {context.get('exception')!r}"))

    def _tick(self) -> None:
        if not self._finished.done():
            now = perf_counter()
            self._send_due(now)
            due_s = self._schedule[self._next] - (now - self._began) if self._next < len(self._schedule) else 1.0
            self._loop.call_later(max(due_s, TICK_S), self._tick)

    def _send_due(self, now: float) -> None:
        schedule, idle, requests = self._schedule, self._idle, self._requests
        number, total, since = self._next, len(schedule), now - self._began
        while number < total and schedule[number] <= since and idle:
            connection = idle.pop()
            self._busy.add(connection)
            connection.send(requests[number % len(requests)], self._began + schedule[number])
            number += 1
        self._next = number
        if number == total and not self._busy and not self._finished.done():
            self._finished.set_result(None)

    def _first(self) -> None:
        for connection in self._pool:
            self._again(connection)

    def _again(self, connection: Connection) -> None:
        now = perf_counter()
        if now < self._until:
            self._busy.add(connection)
            connection.send(self._requests[self._next % len(self._requests)], now)
            self._next += 1
        elif not self._busy and not self._finished.done():
            self._finished.set_result(None)

    def _result(self, cpu_s: float, began_at: float) -> LoadResult:
        now = perf_counter()
        waiting = [now - each.intended for each in self._busy if each.intended >= self._warm]
        waiting += [now - self._began - moment for moment in self._schedule[self._next :]]
        latencies = array("d", sorted([*self._latencies, *waiting]))
        return LoadResult(
            began_at=began_at,
            warm_at=began_at + self._plan.warm_s,
            ended_at=began_at + self._plan.seconds,
            asked=self._next,
            answered=self._answers,
            acknowledged=self._acknowledged,
            done=self._done,
            refused=self._refused,
            unfinished=len(waiting),
            done_per_s=self._done_in_time / (self._plan.seconds - self._plan.warm_s),
            latency_ms={name: value * 1000 for name, value in percentiles(latencies).items()},
            cpu_us=cpu_s / max(1, self._answers) * 1e6,
        )


def requests_of(plan: LoadPlan) -> list[bytes]:
    """The bytes of each request."""
    head = (
        f"POST {plan.path} HTTP/1.1\r\nhost: {urlsplit(plan.url).netloc}\r\nauthorization: Bearer {plan.token}\r\n"
        "content-type: application/json\r\ncontent-length: "
    ).encode()
    return [head + b"%d\r\n\r\n" % len(body.encode()) + body.encode() for body in plan.bodies]


async def play(plan: LoadPlan) -> LoadResult:
    """Play a plan in this process. Raises RuntimeError."""
    requests = requests_of(plan)
    gc.collect()
    gc.freeze()
    gc.disable()  # what a run makes is gone with its references
    return await Load(plan, requests).run()


def main() -> int:
    """A plan on standard input, what came of it on standard output."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=LoadPlan)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(play(plan))
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
