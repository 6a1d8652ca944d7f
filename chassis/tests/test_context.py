"""The context: what is passed on with a call, and when no call may be made."""

import asyncio

import pytest

from souk_chassis.auth.identity import Caller
from souk_chassis.context import RemoteCallInUnitError, internal_call
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.observability.spans import SpanKind
from souk_chassis.operation import Access, Nothing, Operation
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT, context_for, customer
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.spans import recorded

Ask = Operation("ask", "others", None, request=Nothing, response=Nothing, access=Access.SERVICE, summary="Ask")


async def test_a_call_carries_identity_trace_and_deadline(clock: ManualClock) -> None:
    others = FakeDispatcher({Ask: Nothing()})
    ctx = context_for("deps", customer("c1"), by_service="gateway", dispatcher=others, clock=clock)
    with recorded() as kept:
        assert await ctx.call(Ask, Nothing()) == Nothing()
    [made] = others.calls
    assert made.call.caller == Caller(customer("c1"), "test")
    assert made.call.deadline is ctx.call_info.deadline
    [span] = kept.spans
    assert span.traceparent == made.call.traceparent
    assert (span.name, span.service, span.kind) == ("ask", "test-service", SpanKind.CLIENT)
    assert (span.parent, span.status) == (ctx.traceparent, "ok")


async def test_no_call_inside_a_unit(clock: ManualClock) -> None:
    others = FakeDispatcher({Ask: Nothing()})
    ctx = context_for("deps", dispatcher=others)
    store = MemoryDatabase("tests", clock, MemoryUnit)
    async with store.unit():
        with pytest.raises(RemoteCallInUnitError, match="test called ask inside a unit of work"):
            await ctx.call(Ask, Nothing())
    assert others.calls == []
    await ctx.call(Ask, Nothing())


async def test_another_task_may_call_meanwhile(clock: ManualClock) -> None:
    ctx = context_for("deps", dispatcher=FakeDispatcher({Ask: Nothing()}))
    store = MemoryDatabase("tests", clock, MemoryUnit)
    opened, called = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with store.unit():
            opened.set()
            await called.wait()

    working = asyncio.create_task(work())
    await opened.wait()
    await ctx.call(Ask, Nothing())
    called.set()
    await working


def test_what_is_not_owned_is_forbidden() -> None:
    ctx = context_for("deps")
    ctx.must_own(True)
    with pytest.raises(SoukError) as caught:
        ctx.must_own(False)
    assert caught.value.kind is ErrorKind.FORBIDDEN


def test_work_that_nobody_asked_for(clock: ManualClock) -> None:
    clock.advance(5)
    call = internal_call(clock, 30.0, "orders")
    assert (call.caller.service, call.deadline.remaining_s) == ("orders", 30.0)
    assert call.traceparent.startswith("00-")
    assert internal_call(clock, 30.0, "orders", TRACEPARENT).traceparent == TRACEPARENT
