"""What is Souk's and what another application's, as settings say it."""

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.edge.takeover import Takeover, covers, read_takeover

LEGACY = {"SOUK_LEGACY_URL": "http://legacy:8000"}
NO_ADDRESSES = """
legacy:8000 ftp://legacy http:// http://a/b http://a?b http://a#b http://u:p@a http://a:x http://a:0 http://a:70000
http://[::1
"""


def test_without_settings_all_is_souks() -> None:
    takeover = read_takeover({})
    assert takeover == Takeover()
    assert takeover.claims("/whatever")


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://legacy:8000", "http://legacy:8000"),
        ("https://legacy.example/", "https://legacy.example"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_read(url: str, read: str) -> None:
    assert read_takeover({"SOUK_LEGACY_URL": url}).legacy_url == read


@pytest.mark.parametrize("url", NO_ADDRESSES.split())
def test_what_is_no_address_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^SOUK_LEGACY_URL: it is no address such as http://"):
        read_takeover({"SOUK_LEGACY_URL": url})
    with pytest.raises(ConfigError, match=r"^SOUK_APPS: "):
        read_takeover({"SOUK_APPS": f"/a={url}"})


@pytest.mark.parametrize(
    ("taken", "claimed", "left"),
    [
        ("none", [], ["/", "/orders"]),
        ("/orders, /users", ["/orders", "/orders/{orderId}", "/users"], ["/", "/ordersx", "/products"]),
        ("/", ["/"], ["/orders"]),
        ("/orders/{orderId}"[:7], ["/orders/a/b"], ["/order"]),
    ],
)
def test_what_is_taken_over_is_souks_with_all_below(taken: str, claimed: list[str], left: list[str]) -> None:
    takeover = read_takeover(LEGACY | {"SOUK_TAKEN_OVER": taken})
    assert [path for path in claimed + left if takeover.claims(path)] == claimed


@pytest.mark.parametrize("path", ["orders", "/orders/", "//orders", "/orders?x", "/orders/{id}", "/orders/*", "/a b"])
def test_what_is_no_path_is_named(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^SOUK_TAKEN_OVER: .* is no path such as /orders$"):
        read_takeover(LEGACY | {"SOUK_TAKEN_OVER": path})


def test_taking_over_needs_someone_to_take_from() -> None:
    with pytest.raises(ConfigError, match="nobody has the rest"):
        read_takeover({"SOUK_TAKEN_OVER": "/orders"})


def test_what_souk_does_not_have_can_not_be_taken_over() -> None:
    takeover = read_takeover(LEGACY | {"SOUK_TAKEN_OVER": "/orders,/reports"})
    takeover.check(["/orders/{orderId}", "/reports"])
    with pytest.raises(ConfigError, match=r"^SOUK_TAKEN_OVER: Souk has nothing at /reports$"):
        takeover.check(["/orders/{orderId}", "/"])


def test_applications_are_read() -> None:
    apps = read_takeover({"SOUK_APPS": "/reports=shop.web:app, /admin=http://admin:8000,/=a:b.c"}).apps
    assert apps == {"/reports": "shop.web:app", "/admin": "http://admin:8000", "/": "a:b.c"}


@pytest.mark.parametrize(
    ("apps", "said"),
    [
        ("/reports", "is not of the form /path=module:attribute"),
        ("/reports=", "is not of the form /path=module:attribute"),
        ("reports=a:b", "is no path"),
        ("/reports=shop.web", "is not of the form module:attribute"),
        ("/reports=shop-web:app", "is not of the form module:attribute"),
        ("/reports=a:b,/reports=c:d", "given twice"),
    ],
)
def test_what_is_no_application_is_named(apps: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^SOUK_APPS: .*{said}"):
        read_takeover({"SOUK_APPS": apps})


def test_proxies_in_front_are_counted() -> None:
    assert read_takeover({"SOUK_TRUSTED_HOPS": "1"}).trusted_hops == 1
    with pytest.raises(ConfigError, match=r"^SOUK_TRUSTED_HOPS: "):
        read_takeover({"SOUK_TRUSTED_HOPS": "9"})


def test_two_can_not_have_the_rest() -> None:
    with pytest.raises(ConfigError, match="names another for the same"):
        read_takeover(LEGACY | {"SOUK_APPS": "/=a:b"})


def test_a_path_covers_what_is_below_it() -> None:
    assert [covers("/a", path) for path in ("/a", "/a/b", "/ab", "/", "/a/")] == [True, True, False, False, True]
    assert covers("/", "/whatever")


def test_the_rest_goes_to_applications_at_their_paths_or_to_the_legacy_one() -> None:
    paths = ["/", "/reports", "/reports/1", "/reportsx"]
    for settings, passed in (
        ({}, []),
        ({"SOUK_APPS": "/reports=a:b"}, ["/reports", "/reports/1"]),
        (LEGACY | {"SOUK_APPS": "/reports=a:b"}, paths),
        ({"SOUK_APPS": "/=a:b"}, paths),
    ):
        assert [path for path in paths if read_takeover(settings).passes_on(path)] == passed


def test_a_document_keeps_what_is_souks_and_the_gateways_own() -> None:
    document = {
        "info": 1,
        "paths": {
            "/health": {"get": {"tags": ["gateway"]}},
            "/orders": {"get": {"tags": ["orders"]}},
            "/users/{userId}": {"get": {"tags": ["users"]}},
            "/books/orders": {"get": {"tags": ["orders"]}},
        },
    }
    takeover = read_takeover(LEGACY | {"SOUK_TAKEN_OVER": "/users"})
    restricted = takeover.restrict(document, "gateway")
    assert (restricted["info"], [*restricted["paths"]]) == (1, ["/health", "/users/{userId}", "/books/orders"])
