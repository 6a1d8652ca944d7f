"""Contexts for tests of operations and handlers, and the identities that call them."""

from typing import Any

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Context, Dispatcher
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The example of W3C's Trace Context: the trace of every test context."""

ADMIN = Identity(Role.ADMIN, "admin")


def guest(order_id: str) -> Identity:
    """Whoever holds the token of one guest order."""
    return Identity(Role.GUEST, order_id=order_id)


def customer(user_id: str) -> Identity:
    """A customer who is signed in."""
    return Identity(Role.CUSTOMER, user_id)


def context_for(
    deps: Any,
    identity: Identity = ANONYMOUS,
    *,
    by_service: str | None = None,
    dispatcher: Dispatcher | None = None,
    clock: Clock | None = None,
    log: Log | None = None,
    timeout_s: float = 10.0,
) -> Context[Any]:
    """The context of one call on behalf of `identity`, passed on by the service `by_service` or made from outside.

    `deps` is what the service's bootstrap makes, or a whole `Instance`, which then gives the service's name, clock
    and log too. Left out, the dispatcher is one that fails the test when it is called, the clock a `ManualClock` and
    the log one that is kept nowhere.
    """
    service, store = "test", getattr(deps, "store", None)
    if isinstance(deps, Instance):
        service, clock, log = deps.manifest.name, clock or deps.clock, log or deps.log
        deps = deps.deps
    clock = clock or ManualClock()
    call = Call(Caller(identity, by_service), TRACEPARENT, Deadline.after(timeout_s, clock))
    return Context(deps, service, log or RecordedLines().log(), clock, dispatcher or FakeDispatcher(), call, store)
