"""Sagas tried step by step: services driven by hand on a clock that stands still, with a failure at any step.

Nothing runs in the background. A test hands on one event at a time, in whatever order it picks, or lets all go on until
nothing moves any more. `assert_unwinds_at_every_step` fails every step in every way, and looks at what is left.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from souk_chassis.context import Dispatcher
from souk_chassis.engine.batch import Subscription
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import Stored
from souk_chassis.manifest import subscriptions
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock

MAX_STEPS = 20_000
"""A bench that is not quiet after so many steps never will be."""
WAIT_S = 30.0
"""How far the clock is moved where everything waits, in seconds."""
PAUSES_S = (31.0, 31.0, 601.0)
"""The pauses of `SagaBench.let_pass`, in seconds: reconcilers act after some of them."""

Act = Callable[[], Awaitable[object]]


class Crash(BaseException):
    """The process dies here. No handler of errors catches it, and what was not committed is lost."""


class Moment(StrEnum):
    """Where a step can be interrupted."""

    BEFORE_ASK = "before it asks"
    AFTER_ASK = "after it was answered"
    BEFORE_EFFECT = "before its effect"
    AFTER_EFFECT = "after its effect, before its acknowledgement"
    RELAYED = "after it was handed on, before it left the outbox"


class Failure(StrEnum):
    """How a step can fail."""

    CRASH = "crashes once"
    ERROR = "fails once"
    AWAY = "finds its store away once"
    FOR_GOOD = "fails until it is mended"


@dataclass(frozen=True, slots=True)
class Step:
    """One interruptible moment: the nth time (from 1) that a queue's consumer, or a relay, comes to it."""

    place: str
    moment: Moment
    time: int

    def __str__(self) -> str:
        return f"{self.place}, {self.moment}, time {self.time}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure at one step; `FOR_GOOD` at that step and all that follow it in the same place."""

    step: Step
    failure: Failure

    def __str__(self) -> str:
        return f"{self.step}: {self.failure}"

    def strikes(self, step: Step) -> bool:
        """Whether it happens at `step`."""
        if self.failure is Failure.FOR_GOOD:
            same_place = (step.place, step.moment) == (self.step.place, self.step.moment)
            return same_place and step.time >= self.step.time
        return step == self.step

    def error(self) -> BaseException:
        """What is raised."""
        if self.failure is Failure.CRASH:
            return Crash()
        if self.failure is Failure.AWAY:
            return unavailable("database_unavailable", "The database can't be reached just now.")
        return RuntimeError(str(self))


@dataclass
class _Interruptions:
    """Counts the steps, and interrupts those that it was told to."""

    fault: Fault | None = None
    hooks: dict[Step, Act] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    fired: bool = False
    mended: bool = False
    _times: Counter[tuple[str, Moment]] = field(default_factory=Counter)

    async def reach(self, place: str, moment: Moment) -> None:
        self._times[place, moment] += 1
        step = Step(place, moment, self._times[place, moment])
        self.steps.append(step)
        hook = self.hooks.pop(step, None)
        if hook is not None:
            await hook()
        if self.fault is not None and not self.mended and self.fault.strikes(step):
            self.fired = True
            raise self.fault.error()

    def around(self, subscription: Subscription) -> Subscription:
        """The same consumer, interruptible."""
        queue, inner, inner_ask = subscription.queue, subscription.consumer, subscription.consumer.ask

        async def apply(*given: Any) -> None:
            await self.reach(queue, Moment.BEFORE_EFFECT)
            await inner.apply(*given)
            await self.reach(queue, Moment.AFTER_EFFECT)

        if inner_ask is None:
            return Subscription(queue, subscription.event, replace(inner, apply=apply))

        async def ask(*given: Any) -> Sequence[Any]:
            await self.reach(queue, Moment.BEFORE_ASK)
            answers = await inner_ask(*given)
            await self.reach(queue, Moment.AFTER_ASK)
            return answers

        return Subscription(queue, subscription.event, replace(inner, apply=apply, ask=ask))


@dataclass(frozen=True)
class _Courier:
    """Stands between the relays and one service's queues: what is handed on waits until the bench delivers it."""

    bench: "SagaBench"
    service: str

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        self.bench.on_the_way += [
            (self.service, queue, event) for queue, event in queue_events for _ in range(self.bench.copies)
        ]
        await self.bench.interruptions.reach(f"relay to {self.service}", Moment.RELAYED)


class SagaBench:
    """Services with their workers, driven by hand.

    `deliveries` is how often each event is handed to its handler in one unit of work; `copies` how often it comes at
    all, with the receiver's memory of it gone. `pick` chooses which of n events on the way is delivered next. `mends`
    are one round each of what services do by the clock, such as reconcilers.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        clock: ManualClock,
        way_out: Dispatcher,
        *,
        deliveries: int = 1,
        copies: int = 1,
        pick: Callable[[int], int] = lambda _: 0,
        mends: Sequence[Act] = (),
        fault: Fault | None = None,
    ) -> None:
        self.clock = clock
        self.copies = copies
        self.on_the_way: list[tuple[str, str, Stored]] = []
        self.interruptions = _Interruptions(fault)
        self._pick = pick
        self._mends = mends
        self._databases = {instance.manifest.name: instance.database for instance in instances}
        wiring = Subscriptions(
            subscriptions([instance.manifest for instance in instances]),
            {name: _Courier(self, name) for name in self._databases},
        )
        self._workers = {
            instance.manifest.name: Worker(instance, wiring, way_out, deliveries=deliveries) for instance in instances
        }
        self._subscriptions = {
            subscription.queue: (worker, self.interruptions.around(subscription))
            for worker in self._workers.values()
            for subscription in worker.subscriptions
        }
        self._queues = {
            instance.manifest.name: [instance.manifest.queue(event) for event in instance.manifest.consumes]
            for instance in instances
        }

    def before(self, place: str, moment: Moment, act: Act, *, time: int = 1) -> None:
        """Do something in the middle of a step. At the moments of an effect, its service's store is locked."""
        self.interruptions.hooks[Step(place, moment, time)] = act

    async def step(self) -> bool:
        """Relay what was published, and deliver one event; where none is on the way, consume what is due.

        False where nothing moved.
        """
        moved = 0
        for name, worker in self._workers.items():
            if await self._databases[name].outbox_size():
                moved += await self._surviving(worker.relay_once())
        if self.on_the_way:
            service, queue, event = self.on_the_way.pop(self._pick(len(self.on_the_way)))
            database = self._databases[service]
            if self.copies > 1:
                await database.forget_received(self.clock.now().replace(year=9999))
            await database.receive([(queue, event)])
            await self._consume(queue)
            return True
        for queue in await self._waiting_queues():
            moved += await self._consume(queue)
        return moved > 0

    async def settle(self) -> None:
        """Go on until nothing moves and nothing waits; where all wait, the clock is moved. Mends nothing."""
        for _ in range(MAX_STEPS):
            if not await self.step():
                if not await self.waiting():
                    return
                self.clock.advance(WAIT_S)
        raise AssertionError(f"never quiet: {await self.waiting()} wait")

    async def let_pass(self, pauses_s: Sequence[float] = PAUSES_S) -> None:
        """Let time pass. After each pause every mend has its round, and all goes on until it is quiet."""
        for pause_s in pauses_s:
            self.clock.advance(pause_s)
            for mend in self._mends:
                await mend()
            await self.settle()

    async def recover(self) -> None:
        """Go on until it is quiet. A fault for good is lived with for a while, then mended, and dead letters redriven.

        What fails once is recovered from by retries alone: no time passes for mends.
        """
        await self.settle()
        fault = self.interruptions.fault
        for_good = fault is not None and fault.failure is Failure.FOR_GOOD
        if not for_good or not self.interruptions.fired or self.interruptions.mended:
            return
        _require(await self.dead() > 0, "what failed for good is no dead letter")
        await self.let_pass()
        self.interruptions.mended = True
        for service, queues in self._queues.items():
            for queue in queues:
                await self._databases[service].redrive(queue)
        await self.settle()

    async def waiting(self) -> list[str]:
        """The queues and outboxes in which something waits."""
        names = [f"the outbox of {name}" for name, each in self._databases.items() if await each.outbox_size()]
        return names + await self._waiting_queues()

    async def dead(self) -> int:
        """How many dead letters there are."""
        return sum([len(await database.dead_letters(1000)) for database in self._databases.values()])

    async def _waiting_queues(self) -> list[str]:
        states = [
            state
            for service, queues in self._queues.items()
            for state in await self._databases[service].queue_states(queues)
        ]
        return [state.name for state in states if state.waiting]

    async def _consume(self, queue: str) -> int:
        worker, subscription = self._subscriptions[queue]
        return await self._surviving(worker.consume_once(subscription))

    async def _surviving(self, work: Awaitable[int]) -> int:
        """As a worker's loop does it: an error ends one round, and a crash is followed by a new start."""
        try:
            return await work
        except (Crash, SoukError):
            return 1


@dataclass(frozen=True)
class Trial:
    """A system on its bench: what is done to it, one act after the other, and what must hold in the end."""

    bench: SagaBench
    acts: Sequence[Act]
    check: Act
    close: Act


async def assert_unwinds_at_every_step(build: Callable[[Fault | None], Awaitable[Trial]]) -> int:
    """Run the trial once for every failure at every step that it has. After each act all must recover by retries, or
    by a redrive of dead letters where the step failed for good. The trial's check must hold then, and still hold when
    the mends have had their rounds.

    Returns how many failures were tried. Raises AssertionError, which names the failure.
    """
    steps = (await _run(build, None)).interruptions.steps
    _require(bool(steps), "the trial has no step")
    faults = [Fault(step, failure) for step in steps for failure in Failure if _possible(step, failure)]
    for fault in faults:
        try:
            bench = await _run(build, fault)
            _require(bench.interruptions.fired, "it never came to that step")
        except Exception as error:
            raise AssertionError(f"{fault}: {error}") from error
    return len(faults)


def _possible(step: Step, failure: Failure) -> bool:
    """A relay gives nothing up: there is no dead letter to be redriven."""
    return step.moment is not Moment.RELAYED or failure in {Failure.CRASH, Failure.AWAY}


async def _run(build: Callable[[Fault | None], Awaitable[Trial]], fault: Fault | None) -> SagaBench:
    trial = await build(fault)
    try:
        for act in trial.acts:
            await act()
            await trial.bench.recover()
        _require(await trial.bench.dead() == 0, "dead letters are left")
        await trial.check()
        await trial.bench.let_pass()
        await trial.check()
    finally:
        await trial.close()
    return trial.bench


def _require(holds: bool, what_is_wrong: str) -> None:
    if not holds:
        raise AssertionError(what_is_wrong)
