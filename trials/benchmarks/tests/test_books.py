"""What a span of time adds up to."""

from trials.benchmarks.books import Span


def test_only_what_went_the_whole_way_and_could_go_on_is_sustained() -> None:
    assert Span(2.0, placed=200, confirmed=300, mailed=280, open_at_start=150, open_at_end=50).sustained_per_s == 100
    assert Span(2.0, placed=400, confirmed=300, mailed=280, open_at_start=0, open_at_end=100).sustained_per_s == 140


def test_growth_is_that_of_the_open_orders() -> None:
    assert Span(2.0, placed=0, confirmed=0, mailed=0, open_at_start=10, open_at_end=50).growth_per_s == 20
