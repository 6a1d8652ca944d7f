"""The table of states, and what a return may take back."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.errors import SoukError
from souk_contracts.order_status import OPEN, PAID, UNDONE, OrderStatus
from souk_orders.domain import (
    NEXT,
    Head,
    IllegalTransitionError,
    Line,
    Step,
    check_transition,
    may_become,
    move_to,
    settle_return,
    steps_to,
    units_by_product,
)

S = OrderStatus


def test_every_state_has_its_row() -> None:
    assert set(NEXT) == set(S)


@pytest.mark.parametrize(("status", "to"), list(product(S, S)))
def test_a_step_is_in_the_table_or_raises(status: OrderStatus, to: OrderStatus, draft: Any) -> None:
    head = Head("o1", None, None, status, 1, "GBP")
    step = Step(to, draft("o1").created_at)
    if to in NEXT[status]:
        assert may_become(status, to)
        check_transition(status, to)
        assert move_to(head, step).to is step
        assert steps_to(status, to) == (to,)
    else:
        assert not may_become(status, to)
        with pytest.raises(IllegalTransitionError, match=f"{status} can't become {to}"):
            move_to(head, step)


def test_the_news_of_a_payment_implies_that_of_the_reservation(draft: Any) -> None:
    assert steps_to(S.PENDING, S.CONFIRMED) == (S.RESERVED, S.CONFIRMED)
    assert [status for status in S if S.CONFIRMED not in NEXT[status] and steps_to(status, S.CONFIRMED)] == [S.PENDING]
    at = draft("o1").created_at
    move = move_to(Head("o1", None, None, S.PENDING, 1, "GBP"), Step(S.RESERVED, at), Step(S.CONFIRMED, at))
    assert move.to.status is S.CONFIRMED
    with pytest.raises(IllegalTransitionError):
        move_to(Head("o1", None, None, S.PENDING, 1, "GBP"), Step(S.RESERVED, at), Step(S.SHIPPED, at))


def test_no_way_leads_back() -> None:
    def reachable(status: OrderStatus) -> set[OrderStatus]:
        return {further for to in NEXT[status] for further in {to} | reachable(to)}

    assert all(status not in reachable(status) for status in S)
    assert reachable(S.PENDING) == set(S) - {S.PENDING}


def test_the_sets_of_states_agree_with_the_table() -> None:
    assert {status for status in S if S.RETURNED in NEXT[status]} == PAID - {S.RETURNED}
    assert {status for status in S if S.CANCELLED in NEXT[status]} == OPEN | {S.CONFIRMED}
    assert all(to in PAID | {S.CANCELLED} for status in PAID for to in NEXT[status])
    assert set(S) - OPEN - PAID == UNDONE


def test_the_readme_draws_the_table() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    drawn = {(a, b) for a, b in re.findall(r"^ *(\w+|\[\*\]) --> (\w+|\[\*\])", readme, re.MULTILINE)}
    ends = {(status.value, "[*]") for status in S if not NEXT[status]}
    assert drawn == {(a.value, b.value) for a in S for b in NEXT[a]} | {("[*]", "PENDING")} | ends


def test_units_are_summed_by_product_in_the_sequence_of_the_lines() -> None:
    lines = [Line("b", 2, 1), Line("a", 1, 1), Line("b", 3, 9)]
    assert list(units_by_product(lines).items()) == [("b", 5), ("a", 1)]


def test_a_return_takes_the_first_lines_first_each_at_its_price() -> None:
    lines = [Line("a", 2, 100, returned=1), Line("b", 1, 7), Line("a", 3, 90)]
    settled = settle_return(lines, {"a": 3})
    assert (dict(settled.by_line), settled.refund_minor, settled.all_returned) == ({0: 1, 2: 2}, 280, False)


@pytest.mark.parametrize("wanted", [{"a": 3}, {"none": 1}, {"b": 1, "a": 1}])
def test_a_return_of_more_than_is_left_is_refused_by_name(wanted: dict[str, int]) -> None:
    with pytest.raises(SoukError) as refused:
        settle_return([Line("a", 3, 100, returned=1), Line("b", 1, 5, returned=1)], wanted)
    assert (refused.value.code, list(refused.value.fields)) == ("too_many_returned", ["items"])


_lines = st.lists(
    st.builds(Line, st.sampled_from("abc"), st.integers(1, 5), st.integers(1, 10_000), st.just(0)),
    min_size=1,
    max_size=6,
)
_wishes = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 6), min_size=1), max_size=8)


@given(_lines, _wishes)
def test_returns_never_come_to_more_than_was_bought(lines: list[Line], wishes: list[dict[str, int]]) -> None:
    left = units_by_product(lines)
    total = sum(line.quantity * line.unit_price_minor for line in lines)
    refunded = 0
    for wanted in wishes:
        if any(units > left.get(product_id, 0) for product_id, units in wanted.items()):
            with pytest.raises(SoukError):
                settle_return(lines, wanted)
            continue
        settled = settle_return(lines, wanted)
        back = [Line(lines[n].product_id, units, lines[n].unit_price_minor) for n, units in settled.by_line.items()]
        assert units_by_product(back) == wanted
        assert settled.refund_minor == sum(line.quantity * line.unit_price_minor for line in back)
        lines = [
            Line(line.product_id, line.quantity, line.unit_price_minor, line.returned + settled.by_line.get(n, 0))
            for n, line in enumerate(lines)
        ]
        assert all(0 <= line.returned <= line.quantity for line in lines)
        left = {product_id: units - wanted.get(product_id, 0) for product_id, units in left.items()}
        refunded += settled.refund_minor
        assert settled.all_returned == (sum(left.values()) == 0)
        assert settled.all_returned == (refunded == total)
