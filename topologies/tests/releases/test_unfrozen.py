"""What is delivered is in a release: whatever differs from the last one is named, and prose is not."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from souk_topologies.releases import __main__ as command
from souk_topologies.releases.model import Release, load
from souk_topologies.releases.unfrozen import unfrozen
from topologies.tests.releases.conftest import Rewrite


@pytest.fixture
def other(last: Release, rewritten: Rewrite) -> Callable[[str, Callable[[Any], Any]], Release]:
    """Reads a last release in which a file was another."""
    return lambda name, change: load(rewritten(name, change), last.version)


def without_a_field(operation: Any) -> None:
    del operation["request"]["$defs"]["ProductQuery"]["properties"]["cursor"]


def in_other_words(event: Any) -> None:
    event["data"]["$defs"]["PaymentDeclined"]["description"] = "Other words."


def with_a_longer_description(operation: Any) -> None:
    operation["request"]["$defs"]["ProductContent"]["properties"]["description"] = {"type": "string"}


@pytest.mark.parametrize(
    ("file", "change", "what"),
    [
        ("operations/list_products.json", without_a_field, ["the operation list_products"]),
        ("operations/get_user.json", lambda operation: operation["errors"].popitem(), ["the operation get_user"]),
        ("events/souk.PaymentDeclined.v1.json", lambda event: event["heard_by"].popitem(), ["the event souk.Pay"]),
        ("services/orders.json", lambda service: service["migrations"].popitem(), ["the service orders"]),
        ("services/chassis.json", lambda service: service["migrations"].popitem(), ["the service chassis"]),
        (
            "protocol.json",
            lambda protocol: protocol["problem"].update(maxProperties=1),
            ["the problem that the chassis"],
        ),
        (
            "operations/put_product.json",
            with_a_longer_description,
            ["the operation put_product"],
        ),  # it is a field's name
        ("events/souk.PaymentDeclined.v1.json", in_other_words, []),
    ],
)
def test_whatever_differs_is_named(
    other: Callable[..., Release], last: Release, file: str, change: Callable[[Any], Any], what: list[str]
) -> None:
    changed = other(file, change)
    for told in (list(unfrozen(changed, last)), list(unfrozen(last, changed))):
        assert [said[: len(begin)] for said, begin in zip(told, what, strict=True)] == what


def test_who_delivers_is_told_what_no_release_has(rewritten: Rewrite) -> None:
    folder = str(rewritten("operations/list_products.json", without_a_field))
    assert CliRunner().invoke(command.main, ["check", "--releases", folder]).exit_code == 0
    ended = CliRunner().invoke(command.main, ["check", "--frozen", "--releases", folder])
    assert ended.exit_code == 1
    assert "the operation list_products" in ended.output
    assert ended.output.endswith("Freeze a release, and deliver that\n")
