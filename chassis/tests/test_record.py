"""Declarations of records: what is read from them, and what is refused."""

from datetime import datetime
from typing import Any, Literal

import msgspec
import pytest

from souk_chassis.record import Listed, Record, RecordError, Unique, key_of, schema_of
from souk_chassis.record_shape import losses, shape_of
from souk_chassis.testing.records import Entry, Mood, Review


def test_a_declaration_is_read_as_a_schema() -> None:
    schema = schema_of(Review)
    assert (schema.name, schema.table, schema.key, schema.expires) == (
        "Reviews",
        "reviews",
        ("product_id", "customer_id"),
        None,
    )
    assert [each.name for each in schema.lists] == ["by_product", "by_mood", "by_stars", "every"]
    assert schema.kinds["created_at"] == "time"
    assert schema.kinds["stars"] == "integer"
    assert schema.optional == {"mood", "slug"}
    assert (schema_of(Entry).name, schema_of(Entry).expires) == ("Entries", "ends_at")


def test_a_record_is_frozen_and_named_by_its_key() -> None:
    class SignInFailure(Record, key="email"):
        email: str

    assert (schema_of(SignInFailure).name, schema_of(SignInFailure).table) == ("SignInFailures", "sign_in_failures")
    assert key_of(SignInFailure(email="a")) == "a"
    with pytest.raises(AttributeError):
        SignInFailure(email="a").email = "b"  # type: ignore[misc]


def declared(fields: dict[str, Any], **options: Any) -> Any:
    plain = {name: value for name, value in fields.items() if isinstance(value, Listed | Unique)}
    types = {name: value for name, value in fields.items() if name not in plain}
    return type(Record)("Made", (Record,), {"__annotations__": types, "__module__": __name__, **plain}, **options)


@pytest.mark.parametrize(
    ("fields", "options", "why"),
    [
        ({"a": str}, {}, "Made declares no key"),
        ({"a": str}, {"key": "b"}, "Made has no field b"),
        ({"a": str | None}, {"key": "a"}, "Made.a is a part of the key and may be None"),
        ({"a": float}, {"key": "a"}, "Made.a is neither text, integer nor time"),
        ({"a": str, "by": Listed("b")}, {"key": "a"}, "Made has no field b"),
        ({"a": str, "b": tuple[str, ...], "by": Unique("b")}, {"key": "a"}, "Made.b is neither text"),
        ({"a": str}, {"key": "a", "expires": "a"}, "Made.a is no time at which a record can expire"),
        ({"record": str}, {"key": "record"}, "Made.record: a column of that name"),
    ],
)
def test_a_wrong_declaration_is_named(fields: dict[str, Any], options: dict[str, Any], why: str) -> None:
    with pytest.raises(RecordError, match=why):
        schema_of(declared(fields, **options))


def test_a_list_has_one_order() -> None:
    with pytest.raises(RecordError, match="not by both"):
        Listed("a", newest_first="b", ordered_by="c")


class Inner(msgspec.Struct, frozen=True):
    """A part of a record."""

    x: int


class InnerMore(msgspec.Struct, frozen=True):
    """The same with a field more."""

    x: int
    y: int = 0


class InnerNeeds(msgspec.Struct, frozen=True):
    """The same with a field more that has no default."""

    x: int
    y: int


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        (str, str | None, []),
        (str | None, str, ["Mades.b was optional text and is text: add a field of another name"]),
        (Literal["a", "b"], Literal["a", "b", "c"], []),
        (Literal["a", "b"], Literal["a"], ["Mades.b may no longer be b, which stored records can be"]),
        (Mood, str, []),
        (int, datetime, ["Mades.b was integer and is time: add a field of another name"]),
        (tuple[Inner, ...], tuple[InnerMore, ...], []),
        (
            tuple[Inner, ...],
            tuple[InnerNeeds, ...],
            ["Mades.b.y is new and has no default, so that stored records could not be read"],
        ),
        (dict[str, int], dict[str, str], ["Mades.b was integer and is text: add a field of another name"]),
    ],
)
def test_what_a_change_of_a_fields_type_loses(before: Any, now: Any, lost: list[str]) -> None:
    shapes = [shape_of(declared({"a": str, "b": kind}, key="a")) for kind in (before, now)]
    assert list(losses(*shapes)) == lost


def test_a_field_that_goes_is_no_loss() -> None:
    shapes = [shape_of(declared(fields, key="a")) for fields in ({"a": str, "b": str}, {"a": str})]
    assert list(losses(*shapes)) == []
