"""docs/reference/network.md says what the edges are."""

import pytest

from tests.kubernetes.network_page import BEGIN, PAGE, page


def test_page_is_that_of_the_edges() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "write it anew: .venv/bin/python -m tests.kubernetes.network_page"


@pytest.mark.parametrize("planted", ["| `ingress` |", "8080", "`database/orders`", "Calls `quote`."])
def test_a_planted_fault_is_caught(planted: str) -> None:
    text = PAGE.read_text("utf-8")
    begin = text.index(BEGIN)
    faulty = text[:begin] + text[begin:].replace(planted, "", 1)
    assert faulty != text
    assert faulty != page(faulty)
