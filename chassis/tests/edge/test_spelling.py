"""Paths as the most forgiving server reads them."""

import pytest

from souk_chassis.edge.spelling import Spellings, plain_path

OWN = Spellings(["/orders", "/orders/{orderId}", "/.well-known/jwks.json"])


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/orders/o1", "/orders/o1"),
        ("//orders///o1//", "/orders/o1"),
        ("/./x/../orders/.", "/orders"),
        ("/../../orders", "/orders"),
        ("/orders;v=1/o1;w", "/orders/o1"),
        ("/x/..;/orders", "/orders"),
        ("/x\\..\\orders", "/orders"),
        ("/orders%2Fo1", "/orders/o1"),
        ("/", "/"),
        ("", "/"),
    ],
)
def test_a_path_is_made_plain(path: str, plain: str) -> None:
    assert plain_path(path) == plain


@pytest.mark.parametrize(
    "path", ["/orders", "/ORDERS/o1", "/orders/o1/", "/x/../orders/o1", "/%6frders", "//.WELL-known/jwks.json"]
)
def test_a_path_is_known_however_it_is_written(path: str) -> None:
    assert OWN.have(path)


@pytest.mark.parametrize(
    "path", ["/", "/order", "/orders.json", "/orders/o1/invoice", "/v1/orders", "/xwell-known/jwks.json"]
)
def test_another_path_is_another_path(path: str) -> None:
    assert not OWN.have(path)


def test_without_paths_none_is_known() -> None:
    assert not Spellings([]).have("/")
