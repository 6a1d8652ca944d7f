"""Dispatchers: who may call, what crosses a border, how long it may take, and which way a call goes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from souk_chassis import wire
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity
from souk_chassis.context import Call, Context
from souk_chassis.engine.dispatch import LocalDispatcher, ResilientDispatcher, RoutingDispatcher
from souk_chassis.errors import ErrorKind, SoukError, unavailable
from souk_chassis.http.calls import read_answer
from souk_chassis.money import Money
from souk_chassis.observability.spans import Span, SpanKind
from souk_chassis.observability.trace import new_traceparent, trace_id
from souk_chassis.operation import GET, POST, Access, AnyOperation, Created, Nothing, Operation
from souk_chassis.resilience import Deadline, Pipeline, Policy
from souk_chassis.runtimes.instance import Instance
from souk_chassis.testing.contexts import ADMIN, customer, guest
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.spans import KeptSpans, recorded
from souk_chassis.wire import Message


class Price(Message, frozen=True, kw_only=True):
    amount: Money
    tags: tuple[str, ...] = ()


def operation(name: str, access: Access = Access.PUBLIC, *, response: Any = Price, **more: Any) -> AnyOperation:
    route = None if access is Access.SERVICE else POST(f"/{name}")
    return Operation(name, "prices", route, request=Price, response=response, access=access, summary=name, **more)


Echo = operation("echo")
Watch = Operation(
    "watch", "prices", GET("/watch"), request=Nothing, response=Price, access=Access.ADMIN, summary="w", streams=True
)
PRICE = Price(amount=Money(255), tags=("a",))


def call(identity: Identity = ANONYMOUS, service: str | None = None, timeout_s: float = 10.0) -> Call:
    return Call(Caller(identity, service), new_traceparent(), Deadline.after(timeout_s))


@pytest.fixture(autouse=True)
def kept() -> Iterator[KeptSpans]:
    with recorded() as spans:
        yield spans


def spans_under(kept: KeptSpans, given: Call) -> list[Span]:
    """The spans that have ended, of which the call is the parent."""
    return [span for span in kept.of(trace_id(given.traceparent)) if span.parent == given.traceparent]


async def echo(_ctx: Context[Any], request: Price) -> Price:
    return request


@pytest.fixture
def offering(make_instance: Callable[..., Instance]) -> Callable[..., LocalDispatcher]:
    """Makes a dispatcher in whose process a service `prices` implements these operations."""

    def make(implements: dict[AnyOperation, Any], *, way_out: Any = None, **options: Any) -> LocalDispatcher:
        local = LocalDispatcher(options.pop("callers", {}), **options)
        local.bind(make_instance(name="prices", implements=implements), way_out or local)
        return local

    return make


@pytest.mark.parametrize(
    ("access", "allowed", "denied"),
    [
        (Access.PUBLIC, [ANONYMOUS, guest("o"), customer("c"), ADMIN], []),
        (Access.OWNER, [guest("o"), customer("c"), ADMIN], [ANONYMOUS]),
        (Access.CUSTOMER, [customer("c"), ADMIN], [ANONYMOUS, guest("o")]),
        (Access.ADMIN, [ADMIN], [ANONYMOUS, guest("o"), customer("c")]),
        (Access.SERVICE, [], [ANONYMOUS, guest("o"), customer("c"), ADMIN]),
    ],
)
async def test_access_is_as_declared(
    offering: Callable[..., LocalDispatcher], access: Access, allowed: list[Identity], denied: list[Identity]
) -> None:
    guarded = operation("guarded", access)
    local = offering({guarded: echo})
    for identity in allowed:
        assert await local.dispatch(guarded, PRICE, call(identity)) == PRICE
    for identity in denied:
        with pytest.raises(SoukError) as caught:
            await local.dispatch(guarded, PRICE, call(identity))
        expected = ErrorKind.UNAUTHENTICATED if identity is ANONYMOUS else ErrorKind.FORBIDDEN
        assert caught.value.kind is (ErrorKind.FORBIDDEN if access is Access.SERVICE else expected)


async def test_a_service_calls_what_its_manifest_declares(offering: Callable[..., LocalDispatcher]) -> None:
    internal = operation("internal", Access.SERVICE)
    local = offering({internal: echo}, callers={"internal": {"orders"}})
    assert await local.dispatch(internal, PRICE, call(service="orders")) == PRICE
    with pytest.raises(SoukError) as caught:
        await local.dispatch(internal, PRICE, call(ADMIN, service="users"))
    assert caught.value.kind is ErrorKind.FORBIDDEN


async def test_streams_are_guarded_too(offering: Callable[..., LocalDispatcher]) -> None:
    async def watch(_ctx: Context[Any], _: Nothing) -> AsyncIterator[Price]:
        yield PRICE

    local = offering({Watch: watch}, serialise=True)
    assert [price async for price in local.stream(Watch, Nothing(), call(ADMIN))] == [PRICE]
    with pytest.raises(SoukError):
        await anext(local.stream(Watch, Nothing(), call()))


async def test_the_implementation_gets_its_context(offering: Callable[..., LocalDispatcher]) -> None:
    seen: list[Context[Any]] = []

    async def look(ctx: Context[Any], request: Price) -> Price:
        seen.append(ctx)
        return request

    way_out = FakeDispatcher()
    await offering({Echo: look}, way_out=way_out).dispatch(Echo, PRICE, call(customer("c")))
    [ctx] = seen
    assert (ctx.deps, ctx.service, ctx.identity) == ("deps of prices", "prices", customer("c"))
    assert ctx.dispatcher is way_out


async def test_an_operation_is_a_span_and_what_it_does_is_part_of_it(
    offering: Callable[..., LocalDispatcher], kept: KeptSpans
) -> None:
    seen: list[str] = []

    async def look(ctx: Context[Any], request: Price) -> Price:
        seen.append(ctx.traceparent)
        return request

    given = call(customer("c"))
    await offering({Echo: look}).dispatch(Echo, PRICE, given)
    [span] = spans_under(kept, given)
    assert (span.name, span.service, span.kind, span.status) == ("echo", "prices-service", SpanKind.SERVER, "ok")
    assert seen == [span.traceparent]


async def test_a_refused_call_is_a_span_too(offering: Callable[..., LocalDispatcher], kept: KeptSpans) -> None:
    guarded = operation("guarded", Access.ADMIN)
    given = call(customer("c"))
    with pytest.raises(SoukError):
        await offering({guarded: echo}).dispatch(guarded, PRICE, given)
    assert [span.status for span in spans_under(kept, given)] == ["not_allowed"]


async def test_a_stream_is_one_span(offering: Callable[..., LocalDispatcher], kept: KeptSpans) -> None:
    async def watch(ctx: Context[Any], _: Nothing) -> AsyncIterator[Price]:
        traceparents.append(ctx.traceparent)
        yield PRICE
        yield PRICE

    traceparents: list[str] = []
    given = call(ADMIN)
    async for _ in offering({Watch: watch}).stream(Watch, Nothing(), given):
        assert spans_under(kept, given) == []
    assert [span.traceparent for span in spans_under(kept, given)] == traceparents


@pytest.mark.parametrize("made", [False, True])
async def test_serialised_calls_share_nothing(offering: Callable[..., LocalDispatcher], made: bool) -> None:
    given = []

    async def keep(_ctx: Context[Any], request: Price) -> Any:
        given.append(request)
        return Created(PRICE) if made else PRICE

    answer = await offering({Echo: keep}, serialise=True).dispatch(Echo, PRICE, call())
    assert given == [PRICE]
    assert given[0] is not PRICE
    assert answer == (Created(PRICE) if made else PRICE)
    assert (answer.value if made else answer) is not PRICE


async def test_serialising_finds_what_can_not_cross(offering: Callable[..., LocalDispatcher]) -> None:
    async def answer_an_object(_ctx: Context[Any], _request: Price) -> object:
        return object()

    with pytest.raises(TypeError):
        await offering({Echo: answer_an_object}, serialise=True).dispatch(Echo, PRICE, call())


@pytest.mark.parametrize(("of_operation_s", "of_caller_s"), [(0.01, 10.0), (10.0, 0.01)])
async def test_what_takes_too_long_may_have_happened(
    offering: Callable[..., LocalDispatcher], of_operation_s: float, of_caller_s: float
) -> None:
    ended = asyncio.Event()

    async def hang(_ctx: Context[Any], _request: Price) -> Price:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return PRICE

    slow = operation("slow", timeout_s=of_operation_s)
    with pytest.raises(SoukError) as caught:
        await offering({slow: hang}).dispatch(slow, PRICE, call(timeout_s=of_caller_s))
    assert caught.value.kind is ErrorKind.TIMEOUT_UNKNOWN
    assert ended.is_set()


async def test_without_time_nothing_begins(offering: Callable[..., LocalDispatcher]) -> None:
    async def never(_ctx: Context[Any], _request: Price) -> Price:
        pytest.fail("it began")

    with pytest.raises(SoukError) as caught:
        await offering({Echo: never}).dispatch(Echo, PRICE, call(timeout_s=0.0))
    assert caught.value.kind is ErrorKind.UNAVAILABLE


async def test_routing_prefers_this_process(offering: Callable[..., LocalDispatcher]) -> None:
    far = operation("far")
    remote = FakeDispatcher({far: Price(amount=Money(1))})
    routing = RoutingDispatcher(offering({Echo: echo}), remote)
    assert await routing.dispatch(Echo, PRICE, call()) == PRICE
    assert await routing.dispatch(far, PRICE, call()) == Price(amount=Money(1))
    assert [made.operation for made in remote.calls] == [far]


@pytest.mark.parametrize(("idempotent", "tries"), [(True, 2), (False, 1)])
async def test_resilient_calls_repeat_what_may_be_repeated(idempotent: bool, tries: int) -> None:
    fragile = operation("fragile", idempotent=idempotent)
    outcomes = iter([TimeoutError(), PRICE])
    inner = FakeDispatcher({fragile: lambda _: next(outcomes)})
    resilient = ResilientDispatcher(inner, {"prices": Pipeline("prices", Policy(backoff_base_s=0.0))})
    outcome = (await asyncio.gather(resilient.dispatch(fragile, PRICE, call()), return_exceptions=True))[0]
    assert len(inner.calls) == tries
    if idempotent:
        assert outcome == PRICE
    else:
        assert isinstance(outcome, SoukError)
        assert outcome.kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_call_that_is_cut_off_at_its_deadline_is_not_watched_twice(
    offering: Callable[..., LocalDispatcher],
) -> None:
    async def hang(ctx: Context[Any], _request: Price) -> Price:
        left_s.append(ctx.call_info.deadline.remaining_s)
        await asyncio.sleep(60)
        return PRICE

    left_s: list[float] = []
    slow = operation("slow", idempotent=False)
    pipeline = Pipeline("prices", Policy(timeout_s=0.05))
    with pytest.raises(SoukError) as caught:
        await ResilientDispatcher(offering({slow: hang}), {"prices": pipeline}).dispatch(slow, PRICE, call())
    assert (caught.value.kind, caught.value.code) == (ErrorKind.TIMEOUT_UNKNOWN, "no_answer_in_time")
    assert 0 < left_s[0] <= 0.05
    assert pipeline.snapshot().timed_out == 1


async def test_an_operations_own_limit_holds_within_a_longer_call(offering: Callable[..., LocalDispatcher]) -> None:
    async def hang(_ctx: Context[Any], _request: Price) -> Price:
        await asyncio.sleep(60)
        return PRICE

    slow = operation("slow", timeout_s=0.01)
    pipeline = Pipeline("prices", Policy(timeout_s=5.0))
    with pytest.raises(SoukError) as caught:
        await ResilientDispatcher(offering({slow: hang}), {"prices": pipeline}).dispatch(slow, PRICE, call())
    assert (caught.value.code, pipeline.snapshot().timed_out) == ("timeout", 0)


async def test_a_callee_without_the_operation_is_unavailable(offering: Callable[..., LocalDispatcher]) -> None:
    older = RoutingDispatcher(LocalDispatcher({}), offering({}))
    pipeline = Pipeline("prices", Policy(backoff_base_s=0.0, attempts=3))
    with pytest.raises(SoukError) as caught:
        await ResilientDispatcher(older, {"prices": pipeline}).dispatch(Echo, PRICE, call())
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "no_such_operation")
    assert (pipeline.snapshot().retried, pipeline.snapshot().failed) == (2, 3)


def test_a_callee_of_before_said_that_nothing_is_there() -> None:
    problem = {"type": "", "title": "", "status": 404, "code": "no_such_operation", "detail": "", "traceId": ""}
    with pytest.raises(SoukError) as caught:
        read_answer(Echo, 404, wire.encode(problem))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "no_such_operation")


async def test_resilient_calls_tell_the_callees_error() -> None:
    inner = FakeDispatcher({Echo: unavailable("closed", "Closed.")})
    resilient = ResilientDispatcher(inner, {"prices": Pipeline("prices", Policy(backoff_base_s=0.0))})
    with pytest.raises(SoukError) as caught:
        await resilient.dispatch(Echo, PRICE, call())
    assert caught.value.code == "closed"
    assert all(each.call.caller == Caller(ANONYMOUS) for each in inner.calls)
