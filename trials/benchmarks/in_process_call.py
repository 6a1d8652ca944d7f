"""What one service's call of another's operation costs where both are in one process.

    python trials/benchmarks/in_process_call.py

The call takes the way that `ctx.call` takes in the shop: `Context.call`, the callee's resilience pipeline with its
deadline, the access check, a span, and an operation that does nothing. Calls are made one after another, so that
nothing is shared between them. Prints the figure and what each part adds to it, in microseconds.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from souk_chassis.clock import SystemClock
from souk_chassis.context import Context, internal_call
from souk_chassis.engine.dispatch import LocalDispatcher, ResilientDispatcher
from souk_chassis.hosts.http_server import settle_memory
from souk_chassis.manifest import Part, Service, Uses
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import Span, recorder
from souk_chassis.observability.trace import new_traceparent
from souk_chassis.operation import Access, AnyOperation, Nothing, Operation
from souk_chassis.resilience import Pipeline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit

CALLS = 500
"""Calls in a batch: few, so that what else the machine does spoils some batches and not the median."""
BATCHES = 61

CALLER, CALLEE = "askers", "doers"
DoNothing: AnyOperation = Operation(
    "do_nothing", CALLEE, None, request=Nothing, response=Nothing, access=Access.SERVICE, summary="Do nothing"
)

OneCall = Callable[[], Awaitable[object]]


async def do_nothing(_ctx: Context[Any], _request: Nothing) -> Nothing:
    """The operation."""
    return ANSWER


ANSWER = Nothing()


def ways() -> dict[str, OneCall]:
    """Four ways to the operation, each with one part more than the one before."""
    clock, local = SystemClock(), LocalDispatcher({DoNothing.name: frozenset({CALLER})})
    callee = Service(CALLEE, "doer-service", implements={DoNothing: do_nothing})
    caller = Service(CALLER, "asker-service", parts={Part.HTTP: Uses(calls=[DoNothing])})
    askers, doers = (
        Instance(each, None, MemoryDatabase(each.name, clock, MemoryUnit), clock, Log(each.label))
        for each in (caller, callee)
    )
    way_out = ResilientDispatcher(local, {CALLEE: Pipeline(CALLEE)})
    local.bind(doers, way_out)
    call = internal_call(clock, 3600.0, CALLER, new_traceparent())
    unseen = internal_call(clock, 3600.0, CALLER, new_traceparent()[:-2] + "00")
    traced, untraced = askers.context(way_out, call), askers.context(way_out, unseen)
    return {
        "awaiting the operation itself": lambda: do_nothing(traced, ANSWER),
        "with access check and time-out": lambda: local.dispatch(DoNothing, ANSWER, unseen),
        "with deadline and resilience policy": lambda: untraced.call(DoNothing, ANSWER),
        "with span": lambda: traced.call(DoNothing, ANSWER),
    }


async def batch_us(call: OneCall, calls: int = CALLS) -> float:
    """Microseconds of a call, on average over one batch."""
    began_ns = time.perf_counter_ns()
    for _ in range(calls):
        await call()
    return (time.perf_counter_ns() - began_ns) / calls / 1_000


async def parts_us() -> dict[str, float]:
    """Microseconds of a call by each way: the median of the batches, which are interleaved."""
    found: dict[str, list[float]] = {name: [] for name in ways()}
    made = ways()
    for call in made.values():
        await batch_us(call)  # the first calls pay for what is made once
    for _ in range(BATCHES):
        for name, call in made.items():
            found[name].append(await batch_us(call))
    return {name: statistics.median(times) for name, times in found.items()}


def measure() -> float:
    """Microseconds of an in-process call with deadline, policy and span, on the loop that the shop runs on."""
    return _measured()["with span"]


class _Exported:
    """Takes spans, as an exporter does, and drops them."""

    def offer(self, span: Span) -> None:
        pass


def _measured() -> dict[str, float]:
    thresholds = gc.get_threshold()
    settle_memory()  # as every process of the shop does
    recorder.sink = _Exported()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(parts_us())
    finally:
        recorder.sink = None
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def main() -> None:
    """The command line."""
    before_us = 0.0
    for name, took_us in _measured().items():
        print(f"{took_us:7.2f} us  {took_us - before_us:+7.2f}  {name}")
        before_us = took_us


if __name__ == "__main__":
    main()
