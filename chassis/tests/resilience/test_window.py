"""The rolling window against a list of everything that was ever recorded."""

from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.resilience.window import RollingWindow

steps = st.lists(st.tuples(st.sampled_from([0, 1, 3, 9, 10, 11, 250]), st.booleans(), st.booleans()), max_size=60)


@given(st.integers(0, 10**6), steps)
def test_it_holds_the_last_ten_tenths(start_s: int, steps: list[tuple[int, bool, bool]]) -> None:
    window = RollingWindow(10.0)
    recorded: list[tuple[int, bool, bool]] = []
    now_s = start_s
    for step_s, failed, slow in steps:
        now_s += step_s
        window.record(now_s, failed=failed, slow=slow)
        recorded.append((now_s, failed, slow))
        inside = [(failed, slow) for at_s, failed, slow in recorded if at_s > now_s - 10]
        assert window.counts(now_s) == (len(inside), sum(f for f, _ in inside), sum(s for _, s in inside))


def test_all_is_forgotten_when_the_window_has_passed() -> None:
    window = RollingWindow(10.0)
    window.record(5.0, failed=True, slow=True)
    assert window.counts(14.9) == (1, 1, 1)
    assert window.counts(15.0) == (0, 0, 0)
    window.record(15.0, failed=True, slow=False)
    window.clear()
    assert window.counts(15.0) == (0, 0, 0)
