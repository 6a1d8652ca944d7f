"""What an operation or a handler is given: who calls, how long it may take, and the way to other services."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity
from souk_chassis.clock import Clock
from souk_chassis.errors import forbidden
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import CLIENT, recorder
from souk_chassis.observability.trace import new_traceparent
from souk_chassis.operation import AnyOperation, Operation, Req, Res
from souk_chassis.record import Key, Listed, R, Unique
from souk_chassis.resilience import Deadline

D = TypeVar("D")

unit_is_open: ContextVar[bool] = ContextVar("unit_is_open", default=False)
"""True while this task has a unit of work open. `Context.call` refuses then: no remote call inside one."""


# A Struct, not a dataclass: see Deadline. Several are made for each call.
class Call(msgspec.Struct, frozen=True):
    """The circumstances of one call, passed on from service to service.

    `traceparent` names the span that the callee's work is part of. `cut_off`: whoever made this call ends it at its
    deadline, so that the callee need not watch the time, too.
    """

    caller: Caller
    traceparent: str
    deadline: Deadline
    cut_off: bool = False


class Dispatcher(Protocol):
    """The way to an operation: in this process, or over HTTP to the service that implements it."""

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """Run the operation and return its response (or `Created`). Raises SoukError."""

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """Run an operation that streams, and yield its responses."""


class RemoteCallInUnitError(RuntimeError):
    """A remote call was tried while a unit of work was open: it would hold locks for as long as the callee takes."""


class Context(msgspec.Struct, Generic[D], frozen=True):
    """Given to every operation and handler. `deps` is what the service's bootstrap built."""

    deps: D
    service: str
    log: Log
    clock: Clock
    dispatcher: Dispatcher
    call_info: Call
    store: Any = None
    """The service's store: units of work and, of a service that keeps records, their reads."""

    @property
    def identity(self) -> Identity:
        """On whose behalf this runs."""
        return self.call_info.caller.identity

    @property
    def traceparent(self) -> str:
        """The W3C trace context."""
        return self.call_info.traceparent

    @property
    def now(self) -> datetime:
        """The time now, UTC."""
        return self.clock.now()

    def unit(self) -> AbstractAsyncContextManager[Any]:
        """Open a unit of work on the service's store: it is kept at the end of the block, or not at all.

        Raises SoukError `unavailable` where nothing was kept, and `timeout_unknown` where that can't be said.
        """
        unit: AbstractAsyncContextManager[Any] = self.store.unit()
        return unit

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """Those records that exist, by key."""
        return cast("dict[Key, R]", await self.store.get(kind, keys))

    async def find(self, what: type[R] | Unique, *values: Any) -> Any:
        """The record of a key (`find(Review, product_id, customer_id)`) or of unique values (`find(User.by_email,
        email)`), or None."""
        if isinstance(what, Unique):
            return await self.store.find(what, *values)
        key = values[0] if len(values) == 1 else values
        return (await self.get(what, [key])).get(key)

    async def list(
        self, listed: Listed, *by: Any, cursor: str | None = None, until: Any = None, limit: int = 50
    ) -> Any:
        """A page of a list (`souk_chassis.storage.records.Page`): of the values `by`, after `cursor`, before `until`.

        Raises SoukError `invalid_cursor`.
        """
        return await self.store.page(listed, *by, cursor=cursor, until=until, limit=limit)

    def must_own(self, owned: bool) -> None:
        """Raise SoukError `forbidden` unless `owned`. Every operation with access OWNER asks this."""
        if not owned:
            raise forbidden("not_yours", "This belongs to somebody else.")

    async def call(self, operation: Operation[Req, Res], request: Req) -> Res:
        """Call another service's operation, with the deadline, the trace and the identity passed on.

        Raises SoukError as the callee did, or of kind `unavailable` or `timeout_unknown`; RemoteCallInUnitError where
        a unit of work is open.
        """
        if unit_is_open.get():
            raise RemoteCallInUnitError(f"{self.service} called {operation.name} inside a unit of work")
        info = self.call_info
        with recorder.span(operation.name, self.log.service, CLIENT, info.traceparent) as span:
            passed_on = Call(Caller(info.caller.identity, self.service), span.traceparent, info.deadline)
            return cast("Res", await self.dispatcher.dispatch(operation, request, passed_on))


def internal_call(clock: Clock, timeout_s: float, service: str | None = None, traceparent: str = "") -> Call:
    """The circumstances of work that no caller asked for, such as a handler's."""
    deadline = Deadline.after(timeout_s, clock)
    return Call(Caller(ANONYMOUS, service), traceparent or new_traceparent(), deadline)
