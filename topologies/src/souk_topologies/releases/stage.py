"""The whole shop, played by hand, with every message that is written kept: requests, responses, events.

Nothing runs in the background: events are handed on when the play says so, on a clock that it sets.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity
from souk_chassis.auth.keys import new_key
from souk_chassis.context import Call, internal_call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored
from souk_chassis.operation import AnyOperation, Created
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines
from souk_topologies.shop import SERVICES, build_of, wiring

_TIMEOUT_S = 30.0  # of every call
_EAR = "ear"


class Ear:
    """Hears every type of event, as one more subscriber of each."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Stored]] = {}

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """See `souk_chassis.storage.ports.Target`."""
        for _, message in queue_events:
            self.heard.setdefault(message.type, []).append(message)


class Recording:
    """A way to operations that keeps what goes over it, in JSON: the first request of each that was answered, and its
    response; of one that was never answered but with an error, the request alone."""

    def __init__(self, inner: LocalDispatcher) -> None:
        self._inner = inner
        self.kept: dict[str, tuple[bytes, bytes | None]] = {}

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        try:
            answer = await self._inner.dispatch(operation, request, call)
        except SoukError:
            self.kept.setdefault(operation.name, (wire.encode(request), None))
            raise
        self._keep(operation, request, answer.value if isinstance(answer, Created) else answer)
        return answer

    async def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`."""
        async for answer in self._inner.stream(operation, request, call):
            self._keep(operation, request, answer)
            yield answer

    def _keep(self, operation: AnyOperation, request: Any, answer: Any) -> None:
        if self.kept.get(operation.name, (b"", None))[1] is None:
            self.kept[operation.name] = (wire.encode(request), wire.encode(answer))


class Stage:
    """The services of a shop, the way to their operations, and their queues."""

    def __init__(self, instances: Mapping[str, Instance], way: Recording, clock: ManualClock) -> None:
        self.instances = instances
        self.clock = clock
        self.way = way
        self.ear = Ear()
        heard = wiring().subscriptions
        published = {kind.type_name() for each in instances.values() for kind in each.manifest.publishes}
        routes = {name: [*heard.get(name, []), (_EAR, _EAR)] for name in published}
        targets = {name: instance.database for name, instance in instances.items()}
        subscriptions = Subscriptions(routes, {**targets, _EAR: self.ear})
        self._workers = [Worker(instance, subscriptions, way) for instance in instances.values()]

    async def ask(self, operation: AnyOperation, request: Any, identity: Identity = ANONYMOUS) -> Any:
        """Call an operation from outside; of one that streams, the answers. Raises SoukError."""
        call = Call(Caller(identity), "", Deadline.after(_TIMEOUT_S, self.clock))
        if operation.streams:
            return [answer async for answer in self.way.stream(operation, request, call)]
        answer = await self.way.dispatch(operation, request, call)
        return answer.value if isinstance(answer, Created) else answer

    async def relay(self) -> int:
        """Hand on what is in the outboxes. Returns how many messages moved."""
        return sum([await worker.relay_once() for worker in self._workers])

    async def settle(self) -> None:
        """Go on until nothing moves."""
        while await self.relay() + sum([await w.consume_once(h) for w in self._workers for h in w.subscriptions]):
            pass

    async def let_pass(self, seconds: float) -> None:
        """Let time pass, then every service do its rounds, and go on until nothing moves."""
        self.clock.advance(seconds)
        for instance in self.instances.values():
            context = instance.context(self.way, internal_call(self.clock, _TIMEOUT_S, instance.manifest.name))
            for each in instance.rounds:
                await each.run(context)
        await self.settle()

    async def close(self) -> None:
        """Release what the services hold."""
        for instance in self.instances.values():
            await instance.close()


async def open_stage(database_urls: Mapping[str, str]) -> Stage:
    """A shop on these databases, by service; in memory where there is none."""
    clock, local = ManualClock(), LocalDispatcher(wiring().callers, serialise=True)
    way, instances = Recording(local), {}
    for name in SERVICES:
        built = await build_of(name)(Foundation(clock, new_key(name), {}, database_urls.get(name)))
        instances[name] = replace(built, log=RecordedLines().log(built.manifest.label))
        local.bind(instances[name], way)
    return Stage(instances, way, clock)
