"""The breaker against a plain model of its rules, and its corners one by one."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import Breaker, BreakerState, Policy, Verdict
from souk_chassis.testing.clock import ManualClock

POLICY = Policy(window_s=10, min_volume=4, error_rate=0.5, slow_call_s=2, slow_rate=0.75, open_s=30, open_jitter=0.5)


class BreakerAgainstModel(RuleBasedStateMachine):
    """The model keeps every result it was told in a list, and derives all from it."""

    @initialize(seed=st.integers(0, 1000))
    def start(self, seed: int) -> None:
        self.clock = ManualClock()
        self.breaker = Breaker(POLICY, self.clock, Random(seed))
        self.jitter = Random(seed)
        self.state = BreakerState.CLOSED
        self.results: list[tuple[float, bool, bool]] = []
        self.era = 0
        self.probe_at_s = 0.0
        self.probing = False
        self.permits: list[tuple[int, int]] = []  # the breaker's permit, the model's era

    def change(self, state: BreakerState) -> None:
        self.era += 1
        self.probing = False
        self.state = state
        if state is BreakerState.OPEN:
            self.probe_at_s = self.clock.monotonic() + 30 * (1 + 0.5 * self.jitter.random())
        if state is BreakerState.CLOSED:
            self.results = []

    def within(self) -> list[tuple[bool, bool]]:
        return [(failed, slow) for at_s, failed, slow in self.results if at_s > self.clock.monotonic() - 10]

    @rule(step_s=st.sampled_from([1, 2, 5, 10, 30, 46]))
    def wait(self, step_s: int) -> None:
        self.clock.advance(step_s)

    def admitted(self) -> bool:
        """Ask for a permit, of the breaker and of the model."""
        if self.state is BreakerState.OPEN and self.clock.monotonic() >= self.probe_at_s:
            self.state = BreakerState.HALF_OPEN
        granted = self.state is BreakerState.CLOSED or (self.state is BreakerState.HALF_OPEN and not self.probing)
        if granted:
            self.probing = self.state is BreakerState.HALF_OPEN
            assert self.breaker.refusal() is None
            self.permits.append((self.breaker.admit(), self.era))
        else:
            with pytest.raises(SoukError) as caught:
                self.breaker.admit()
            assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "breaker_open")
            assert caught.value.retry_after_s == max(0.0, self.probe_at_s - self.clock.monotonic())
        return granted

    def settled(self, index: int, verdict: Verdict, slow: bool) -> None:
        """Tell both what came of the attempt with this permit."""
        permit, era = self.permits.pop(index)
        self.breaker.settle(permit, verdict, 2.0 if slow else 1.9)
        if era != self.era:
            return
        failed = verdict is Verdict.FAILED
        if self.state is BreakerState.HALF_OPEN:
            if verdict is Verdict.SILENT:
                self.change(BreakerState.HALF_OPEN)
            else:
                self.change(BreakerState.OPEN if failed or slow else BreakerState.CLOSED)
        elif verdict is not Verdict.SILENT:
            self.results.append((self.clock.monotonic(), failed, slow))
            seen = self.within()
            bad = sum(f for f, _ in seen) / len(seen) >= 0.5 or sum(s for _, s in seen) / len(seen) >= 0.75
            if len(seen) >= 4 and bad:
                self.change(BreakerState.OPEN)

    @rule()
    def ask(self) -> None:
        self.admitted()

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict), slow=st.booleans())
    def answer(self, data: st.DataObject, verdict: Verdict, slow: bool) -> None:
        self.settled(data.draw(st.integers(0, len(self.permits) - 1)), verdict, slow)

    @rule(answers=st.lists(st.tuples(st.sampled_from(Verdict), st.booleans()), min_size=4, max_size=8))
    def traffic(self, answers: list[tuple[Verdict, bool]]) -> None:
        for verdict, slow in answers:
            if self.admitted():
                self.settled(-1, verdict, slow)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "breaker"):
            return
        passed = self.state is BreakerState.OPEN and self.clock.monotonic() >= self.probe_at_s
        assert self.breaker.state is (BreakerState.HALF_OPEN if passed else self.state)
        seen = self.within()
        assert self.breaker.window == (len(seen), sum(f for f, _ in seen), sum(s for _, s in seen))


BreakerAgainstModel.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestBreakerAgainstModel = BreakerAgainstModel.TestCase


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def state(breaker: Breaker) -> BreakerState:
    """The state, asked for anew: a type checker takes a property to be what it was."""
    return breaker.state


def opened(clock: ManualClock, policy: Policy = POLICY, seed: int = 1) -> Breaker:
    breaker = Breaker(policy, clock, Random(seed))
    for _ in range(policy.min_volume):
        breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    assert state(breaker) is BreakerState.OPEN
    return breaker


def test_by_default_it_opens_at_half_and_probes_after_thirty_seconds(clock: ManualClock) -> None:
    breaker = Breaker(Policy(), clock, Random(1))
    for verdict in [Verdict.ANSWERED] * 5 + [Verdict.FAILED] * 4:
        breaker.settle(breaker.admit(), verdict, 0.1)
    assert state(breaker) is BreakerState.CLOSED
    breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    assert state(breaker) is BreakerState.OPEN
    clock.advance(29.999)
    assert state(breaker) is BreakerState.OPEN
    clock.advance(3.001)
    assert state(breaker) is BreakerState.HALF_OPEN


def test_too_few_attempts_say_nothing(clock: ManualClock) -> None:
    breaker = Breaker(POLICY, clock, Random(1))
    for _ in range(POLICY.min_volume - 1):
        breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    assert state(breaker) is BreakerState.CLOSED


def test_slow_answers_alone_open_it(clock: ManualClock) -> None:
    breaker = Breaker(POLICY, clock, Random(1))
    for elapsed_s in (0.1, 2.0, 2.0, 2.0):
        assert state(breaker) is BreakerState.CLOSED
        breaker.settle(breaker.admit(), Verdict.ANSWERED, elapsed_s)
    assert state(breaker) is BreakerState.OPEN


def test_breakers_of_many_processes_reopen_at_different_times(clock: ManualClock) -> None:
    waits = [opened(clock, seed=seed).retry_after_s for seed in range(50)]
    assert all(30 <= wait_s <= 45 for wait_s in waits)
    assert len({round(wait_s) for wait_s in waits}) > 8


def test_a_failed_probe_opens_it_again_for_another_time(clock: ManualClock) -> None:
    breaker = opened(clock)
    first_s = breaker.retry_after_s
    clock.advance(first_s)
    breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    assert state(breaker) is BreakerState.OPEN
    assert breaker.times_opened == 2
    assert 30 <= breaker.retry_after_s <= 45
    assert breaker.retry_after_s != first_s


def test_a_probe_given_up_leaves_room_for_exactly_one_other(clock: ManualClock) -> None:
    breaker = opened(clock)
    clock.advance(50)
    given_up = breaker.admit()
    breaker.settle(given_up, Verdict.SILENT, 0.1)
    breaker.admit()
    breaker.settle(given_up, Verdict.SILENT, 0.1)  # settled twice by mistake: the second probe is not disturbed
    assert breaker.refusal() is not None


def test_what_began_before_the_opening_does_not_close_it(clock: ManualClock) -> None:
    breaker = Breaker(POLICY, clock, Random(1))
    old = breaker.admit()
    for _ in range(POLICY.min_volume):
        breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    clock.advance(50)
    probe = breaker.admit()
    breaker.settle(old, Verdict.ANSWERED, 0.1)
    assert state(breaker) is BreakerState.HALF_OPEN
    assert breaker.refusal() is not None
    breaker.settle(probe, Verdict.ANSWERED, 0.1)
    assert state(breaker) is BreakerState.CLOSED
    assert breaker.window.total == 0


def test_old_failures_are_forgotten_at_recovery(clock: ManualClock) -> None:
    breaker = opened(clock, Policy(min_volume=4, open_s=1.0, open_jitter=0.0))
    clock.advance(1)
    breaker.settle(breaker.admit(), Verdict.ANSWERED, 0.1)
    assert breaker.window.total == 0
    breaker.settle(breaker.admit(), Verdict.FAILED, 0.1)
    assert state(breaker) is BreakerState.CLOSED
