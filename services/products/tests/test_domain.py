"""Who gets what, and what comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.errors import SoukError
from souk_contracts.products import ShortItem
from souk_contracts.shop import MAX_STOCK
from souk_products.domain import (
    Movement,
    Reservation,
    ReservationState,
    add_units,
    allocate,
    check_correction,
    fold,
    search_words,
    sum_held,
)

HELD, REJECTED, RELEASED = ReservationState.HELD, ReservationState.REJECTED, ReservationState.RELEASED

products = st.sampled_from("abcd")
wanted = st.dictionaries(products, st.integers(1, 5), min_size=1)


def test_first_come_first_served() -> None:
    reservations, taken = allocate({"o1": {"a": 3}, "o2": {"a": 3}, "o3": {"a": 1}}, {"a": 4})
    assert [each.state for each in reservations] == [HELD, REJECTED, HELD]
    assert taken == {"a": 4}


def test_short_items_name_every_short_product_and_what_there_was() -> None:
    [rejected], taken = allocate({"o1": {"a": 1, "b": 3, "unknown": 2}}, {"a": 5, "b": 2})
    assert rejected.short_items == (
        ShortItem(product_id="b", requested=3, available=2),
        ShortItem(product_id="unknown", requested=2, available=0),
    )
    assert taken == {}
    assert rejected.held_units == 0


@given(st.lists(wanted, max_size=8), st.dictionaries(products, st.integers(0, 12)))
def test_an_allocation_never_oversells_and_is_all_or_none(orders: list[dict[str, int]], stock: dict[str, int]) -> None:
    by_id = {f"o{index}": order for index, order in enumerate(orders)}
    reservations, taken = allocate(by_id, stock)
    assert [each.order_id for each in reservations] == list(by_id)
    assert taken == sum_held(reservations)
    assert all(units <= stock[product_id] for product_id, units in taken.items())
    left = dict(stock)
    for each in reservations:
        fits = all(units <= left.get(product_id, 0) for product_id, units in by_id[each.order_id].items())
        assert (each.state is HELD) == fits
        assert each.held == (by_id[each.order_id] if fits else {})
        left = {product_id: units - each.held.get(product_id, 0) for product_id, units in left.items()}


@given(wanted, st.lists(st.dictionaries(products, st.integers(1, 5)), max_size=4))
def test_returns_never_exceed_what_was_held(order: dict[str, int], returns: list[dict[str, int]]) -> None:
    reservation = Reservation("o1", HELD, order)
    restocked: dict[str, int] = {}
    for items in returns:
        reservation, back = reservation.take_back(items)
        restocked = add_units(restocked, back)
    assert add_units(reservation.held, restocked) == order


def test_a_released_reservation_takes_nothing_back() -> None:
    reservation = Reservation("o1", HELD, {"a": 2}).release()
    assert reservation.state is RELEASED
    assert reservation.take_back({"a": 1}) == (reservation, {})


@given(st.integers(), st.integers(), st.integers())
def test_a_movement_keeps_the_ledger(corrected: int, sold: int, returned: int) -> None:
    assert Movement("a", corrected, sold, returned).on_hand == corrected - sold + returned


def test_a_correction_stays_within_bounds() -> None:
    assert check_correction(3, -3) == 0
    assert check_correction(MAX_STOCK - 1, 1) == MAX_STOCK


@pytest.mark.parametrize(
    ("on_hand", "delta", "code"),
    [(None, 1, "product_not_found"), (3, -4, "stock_below_zero"), (MAX_STOCK, 1, "stock_out_of_range")],
)
def test_a_correction_out_of_bounds_is_refused(on_hand: int | None, delta: int, code: str) -> None:
    with pytest.raises(SoukError) as caught:
        check_correction(on_hand, delta)
    assert caught.value.code == code


def test_search_text_is_folded() -> None:
    assert fold("STRASSE Ａ") == fold("straße a")
    assert search_words("  Red  BOX ") == ["red", "box"]
    assert search_words(None) == []
