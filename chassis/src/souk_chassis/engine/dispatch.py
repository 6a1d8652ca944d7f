"""The ways to an operation: in this process, elsewhere, or whichever fits; and the resilience around calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from typing import Any

from souk_chassis import wire
from souk_chassis.auth.access import check_access
from souk_chassis.context import Call, Dispatcher
from souk_chassis.errors import timeout_unknown
from souk_chassis.manifest import Implementation
from souk_chassis.observability.spans import SERVER, recorder
from souk_chassis.operation import AnyOperation, Created, no_such_operation
from souk_chassis.resilience import Deadline, Pipeline
from souk_chassis.runtimes.instance import Instance


class LocalDispatcher:
    """Runs the operations of the services in this process.

    With `serialise`, requests and responses go through JSON as they would between processes: what can't cross a border
    is found in one process too.
    """

    def __init__(self, callers: Mapping[str, Collection[str]], *, serialise: bool = False) -> None:
        self._bound: dict[str, tuple[Instance, Implementation, Dispatcher]] = {}
        self._callers = callers
        self._serialise = serialise

    def bind(self, instance: Instance, way_out: Dispatcher) -> None:
        """Offer a service's operations. The service's own calls go by `way_out`."""
        for operation, implementation in instance.manifest.implements.items():
            self._bound[operation.name] = (instance, implementation, way_out)

    def offers(self, operation: AnyOperation) -> bool:
        """Whether the operation is implemented in this process."""
        return operation.name in self._bound

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        instance, implementation, way_out = self._implementation(operation)
        with recorder.span(operation.name, instance.log.service, SERVER, call.traceparent) as span:
            check_access(operation, call.caller, self._callers.get(operation.name, ()))
            if self._serialise:
                request = wire.decode(wire.encode(request), operation.request)
            limit = call.deadline.tighten(operation.timeout_s)
            context = instance.context(way_out, Call(call.caller, span.traceparent, limit))
            try:
                if call.cut_off and limit is call.deadline:
                    response = await implementation(context, request)
                else:
                    limit.check(sent=False)
                    async with asyncio.timeout(limit.remaining_s):
                        response = await implementation(context, request)
            except TimeoutError as error:
                most = f"{operation.timeout_s:g} s, and no longer than its caller waits"
                raise timeout_unknown("timeout", f"{operation.name} took too long: it may take {most}.") from error
            return self._crossed(operation, response) if self._serialise else response

    async def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`. The operation's time-out bounds the whole stream."""
        instance, implementation, way_out = self._implementation(operation)
        with recorder.span(operation.name, instance.log.service, SERVER, call.traceparent) as span:
            check_access(operation, call.caller, self._callers.get(operation.name, ()))
            bounded = Call(call.caller, span.traceparent, call.deadline.tighten(operation.timeout_s))
            async for response in implementation(instance.context(way_out, bounded), request):
                yield self._crossed(operation, response) if self._serialise else response

    def _implementation(self, operation: AnyOperation) -> tuple[Instance, Implementation, Dispatcher]:
        if not self.offers(operation):
            raise no_such_operation(operation.name)
        return self._bound[operation.name]

    def _crossed(self, operation: AnyOperation, response: Any) -> Any:
        if isinstance(response, Created):
            return Created(wire.decode(wire.encode(response.value), operation.response))
        return wire.decode(wire.encode(response), operation.response)


class RoutingDispatcher:
    """Runs an operation here if it is here, and calls its service otherwise."""

    def __init__(self, local: LocalDispatcher, remote: Dispatcher) -> None:
        self._local = local
        self._remote = remote

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        return await self._way(operation).dispatch(operation, request, call)

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`."""
        return self._way(operation).stream(operation, request, call)

    def _way(self, operation: AnyOperation) -> Dispatcher:
        return self._local if self._local.offers(operation) else self._remote


class CalleeDispatcher:
    """Calls each service by the way that it is reached: over HTTP one in a container, by invoking it a function."""

    def __init__(self, ways: Mapping[str, Dispatcher]) -> None:
        self._ways = ways

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        return await self._ways[operation.service].dispatch(operation, request, call)

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`."""
        return self._ways[operation.service].stream(operation, request, call)


class ResilientDispatcher:
    """Puts each callee's resilience pipeline around the calls of one service."""

    def __init__(self, inner: Dispatcher, pipelines: Mapping[str, Pipeline]) -> None:
        self._inner = inner
        self._pipelines = pipelines

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""

        def attempt(deadline: Deadline) -> Awaitable[Any]:
            limited = Call(call.caller, call.traceparent, deadline, cut_off=True)
            return self._inner.dispatch(operation, request, limited)

        pipeline = self._pipelines[operation.service]
        return await pipeline.call(attempt, deadline=call.deadline, idempotent=operation.idempotent)

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """Streams are for pages at the edge: no service calls one."""
        return self._inner.stream(operation, request, call)
