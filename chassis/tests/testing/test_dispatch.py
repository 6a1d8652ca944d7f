"""The stand-in for other services: answers from its table, and forgets no call."""

import pytest

from souk_chassis.errors import SoukError, conflict
from souk_chassis.operation import GET, Access, AnyOperation, Nothing, Operation
from souk_chassis.runtimes.instance import Instance
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import ADMIN, context_for, customer
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines


def operation(name: str) -> AnyOperation:
    return Operation(name, "others", GET(f"/{name}"), request=Nothing, response=int, access=Access.PUBLIC, summary=name)


ONE, OTHER = operation("one"), operation("other")


async def test_answers_are_values_errors_and_functions() -> None:
    others = FakeDispatcher({ONE: 1, OTHER: conflict("taken", "Taken.")})
    ctx = context_for("deps", dispatcher=others)
    assert await ctx.call(ONE, Nothing()) == 1
    with pytest.raises(SoukError, match="taken"):
        await ctx.call(OTHER, Nothing())
    others.answers[OTHER] = lambda request: request
    assert await ctx.call(OTHER, Nothing()) == Nothing()
    assert [made.operation for made in others.calls] == [ONE, OTHER, OTHER]
    assert others.requests(OTHER) == [Nothing(), Nothing()]


async def test_a_call_without_an_answer_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="one was called"):
        await context_for("deps").call(ONE, Nothing())


async def test_streams_come_from_a_list() -> None:
    others = FakeDispatcher({ONE: [1, 2, conflict("taken", "Taken.")]})
    stream = others.stream(ONE, Nothing(), context_for("deps").call_info)
    assert [await anext(stream), await anext(stream)] == [1, 2]
    with pytest.raises(SoukError):
        await anext(stream)


def test_a_context_takes_what_its_instance_has(make_instance: object, clock: ManualClock, lines: RecordedLines) -> None:
    assert callable(make_instance)
    instance: Instance = make_instance(name="books")
    ctx = context_for(instance, customer("c1"), by_service="gateway")
    assert (ctx.deps, ctx.service, ctx.clock, ctx.identity) == ("deps of books", "books", clock, customer("c1"))
    assert ctx.call_info.caller.service == "gateway"
    ctx.log.info("seen")
    assert lines.messages() == ["seen"]


def test_a_context_needs_nothing_but_deps() -> None:
    ctx = context_for("deps", ADMIN)
    assert (ctx.deps, ctx.identity.is_admin, ctx.call_info.deadline.remaining_s) == ("deps", True, 10.0)
