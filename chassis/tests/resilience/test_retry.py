"""Retries: which errors, how long the pause, and how many the budget allows."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import Policy, RetryBudget
from souk_chassis.resilience.retry import may_repeat, pause_s

POLICY = Policy(backoff_base_s=0.1, backoff_cap_s=1.0)


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_what_may_have_happened_is_repeated_only_if_idempotent(kind: ErrorKind) -> None:
    error = SoukError(kind, "x", "x")
    nothing_happened = kind in {ErrorKind.UNAVAILABLE, ErrorKind.TOO_MANY}
    assert may_repeat(error, idempotent=False) == nothing_happened
    assert may_repeat(error, idempotent=True) == (nothing_happened or kind is ErrorKind.TIMEOUT_UNKNOWN)


@given(st.integers(1, 10**6), st.integers())
def test_a_pause_is_below_its_doubling_limit_and_the_cap(retry: int, seed: int) -> None:
    pause = pause_s(POLICY, retry, Random(seed))
    assert pause is not None
    assert 0 <= pause <= min(1.0, 0.1 * 2 ** (min(retry, 64) - 1))


def test_pauses_grow_and_are_spread() -> None:
    random = Random(7)

    def longest(retry: int) -> float:
        return max(pause_s(POLICY, retry, random) or 0.0 for _ in range(500))

    assert 0.09 < longest(1) < 0.1 < longest(2) < 0.2 < longest(3) < 0.4
    assert len({pause_s(POLICY, 3, random) for _ in range(100)}) > 90


def test_the_dependencys_wish_is_kept_or_the_call_gives_up() -> None:
    assert pause_s(POLICY, 1, Random(1), asked_s=0.7) == 0.7
    assert pause_s(POLICY, 1, Random(1), asked_s=1.0) == 1.0
    assert pause_s(POLICY, 1, Random(1), asked_s=1.1) is None


@given(
    st.lists(st.booleans(), max_size=300),
    st.sampled_from([0.0, 0.1, 0.25, 1.0]),
    st.sampled_from([0.0, 1.0, 2.5, 10.0]),
)
def test_retries_never_exceed_the_reserve_and_the_share(wants: list[bool], ratio: float, reserve: float) -> None:
    budget = RetryBudget(Policy(retry_ratio=ratio, retry_reserve=reserve))
    calls = retries = 0
    for wants_retry in wants:
        if wants_retry:
            retries += budget.withdraw()
        else:
            budget.deposit()
            calls += 1
        assert retries <= reserve + ratio * calls + 1e-6
        assert 0 <= budget.tokens <= reserve


def test_the_reserve_can_be_spent_and_is_earned_again() -> None:
    budget = RetryBudget(Policy(retry_ratio=0.5, retry_reserve=2))
    assert [budget.withdraw() for _ in range(3)] == [True, True, False]
    budget.deposit()
    assert not budget.withdraw()
    budget.deposit()
    assert [budget.withdraw() for _ in range(2)] == [True, False]
