"""Whether a reader understands a writer: what the comparison says is what real types do, whatever they are made of."""

import string
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_chassis import wire
from souk_chassis.wire import Lenient, Message
from souk_topologies.releases.forms import form_of
from souk_topologies.releases.reading import Why, troubles
from topologies.tests.releases.lending import struct

Short = Annotated[str, msgspec.Meta(max_length=3)]
Word = Annotated[str, msgspec.Meta(pattern="^[a-z]+$", max_length=3)]
Small = Annotated[int, msgspec.Meta(ge=0, le=9)]
Inner = struct(Lenient, "Inner", {"a": int, "b": (str, "")})
InnerMore = struct(Lenient, "InnerMore", {"a": int, "b": (str, ""), "c": (int, 0)})
InnerLess = struct(Lenient, "InnerLess", {"a": int})
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(string.ascii_letters, max_size=5),
    int: st.integers(-20, 20),
    bool: st.booleans(),
    float: st.floats(-9, 9),
    Short: st.text(string.ascii_letters, max_size=3),
    Word: st.text(string.ascii_lowercase, min_size=1, max_size=3),
    Small: st.integers(0, 9),
    datetime: st.datetimes(),
    Inner: st.builds(Inner, a=st.integers(0, 9), b=st.just("x")),
    InnerMore: st.builds(InnerMore, a=st.integers(0, 9), c=st.integers(0, 9)),
    InnerLess: st.builds(InnerLess, a=st.integers(0, 9)),
}
for kind in list(VALUES):
    VALUES[kind | None] = st.none() | VALUES[kind]
    VALUES[tuple[kind, ...]] = st.lists(VALUES[kind], max_size=2).map(tuple)
    VALUES[dict[str, kind]] = st.dictionaries(st.sampled_from("xyz"), VALUES[kind], max_size=2)
DEFAULTS = {str: "", int: 0, bool: False}
NAMES = ("one", "two", "three")


@st.composite
def types(draw: st.DrawFn) -> Any:
    """A type of up to three fields, strict or lenient, with defaults or without, which are written or not."""
    fields: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from(NAMES))):
        kind = draw(st.sampled_from(list(VALUES)))
        optional = kind in DEFAULTS and draw(st.booleans())
        fields[name] = (kind, DEFAULTS[kind]) if optional else kind
    return struct(draw(st.sampled_from([Message, Lenient])), "Told", fields, omit_defaults=draw(st.booleans()))


def a_value(draw: st.DrawFn, kind: Any) -> Any:
    return kind(**{field.name: draw(VALUES[field.type]) for field in msgspec.structs.fields(kind)})


@settings(max_examples=80)
@given(writer=types(), reader=types(), data=st.data())
def test_what_is_said_to_be_read_is_read(writer: Any, reader: Any, data: st.DataObject) -> None:
    if not troubles(form_of(writer), form_of(reader)):
        wire.decode(wire.encode(a_value(data.draw, writer)), reader)


@pytest.mark.parametrize(
    ("omits", "said", "heard", "words"),
    [
        (True, 50, 20, ["is left out where it is 50, and is then read as 20"]),
        (True, 50, 50, []),
        (False, 50, 20, []),
    ],
)
def test_a_default_that_is_left_out_is_part_of_what_is_said(
    omits: bool, said: int, heard: int, words: list[str]
) -> None:
    writer = struct(Message, "Asked", {"limit": (int, said)}, omit_defaults=omits)
    reader = struct(Message, "Asked", {"limit": (int, heard)})
    assert [each.words for each in troubles(form_of(writer), form_of(reader))] == words
    read = wire.decode(wire.encode(writer()), reader)
    assert (read.limit == writer().limit) is (not words)


def test_a_field_that_is_now_needed_is_said_once() -> None:
    writer = struct(Message, "Asked", {"limit": (int, 50)}, omit_defaults=True)
    reader = struct(Message, "Asked", {"limit": int})
    assert [each.words for each in troubles(form_of(writer), form_of(reader))] == ["may be left out, and is needed"]


@settings(max_examples=80)
@given(before=types(), name=st.sampled_from(["four", "five"]), kind=st.sampled_from(list(VALUES)), data=st.data())
def test_a_field_more_is_read_by_all_that_are_lenient(before: Any, name: str, kind: Any, data: st.DataObject) -> None:
    lenient = struct(Lenient, "Told", _fields(before))
    after = struct(Lenient, "Told", {**_fields(before), name: kind})
    assert troubles(form_of(after), form_of(lenient)) == []
    wire.decode(wire.encode(a_value(data.draw, after)), lenient)
    refused = troubles(form_of(after), form_of(struct(Message, "Told", _fields(before))))
    assert [(each.path, each.why) for each in refused] == [(name, Why.UNKNOWN)]


@settings(max_examples=80)
@given(before=types(), data=st.data())
def test_a_field_less_is_refused_where_it_is_needed(before: Any, data: st.DataObject) -> None:
    fields = _fields(before)
    needed = [name for name, kind in fields.items() if not isinstance(kind, tuple)]
    if needed:
        gone = data.draw(st.sampled_from(needed))
        after = struct(Lenient, "Told", {name: kind for name, kind in fields.items() if name != gone})
        assert gone in [each.path for each in troubles(form_of(after), form_of(before))]
        with pytest.raises(msgspec.ValidationError, match=gone):
            wire.decode(wire.encode(a_value(data.draw, after)), before)


def _fields(kind: Any) -> dict[str, Any]:
    return {
        field.name: field.type if field.required else (field.type, field.default)
        for field in msgspec.structs.fields(kind)
    }


@pytest.mark.parametrize(
    ("writes", "reads", "words"),
    [
        (str, Short, "at most 3 characters"),
        (Short, Word, "the pattern"),
        (int, Small, "no less than 0"),
        (str, datetime, "a date-time"),
        (float, int, "may be number, and integer is read"),
        (str | None, str, "may be null"),
        (tuple[int, ...], tuple[Small, ...], "no more than 9"),
        (dict[str, int], dict[str, Small], "no more than 9"),
        (dict[str, int], Inner, "is not there, and is needed"),
        (Any, str, "may be anything, and string is read"),
    ],
)
def test_what_is_too_narrow_is_said(writes: Any, reads: Any, words: str) -> None:
    told = [each.words for each in troubles(form_of(writes), form_of(reads))]
    assert any(words in each for each in told), told


@pytest.mark.parametrize(
    ("writes", "reads"), [(Word, str), (int, float), (Small, int | None), (str, str | int), (Inner, Any), (bool, bool)]
)
def test_what_is_wider_is_read(writes: Any, reads: Any) -> None:
    assert troubles(form_of(writes), form_of(reads)) == []


class Tree(Lenient, frozen=True, kw_only=True):
    """A type that contains itself."""

    leaves: int
    branches: "tuple[Tree, ...]" = ()


def test_types_that_contain_themselves_are_compared_to_their_end() -> None:
    assert troubles(form_of(Tree), form_of(Tree)) == []


def test_tagged_types_are_told_apart() -> None:
    def tagged(name: str, fields: dict[str, Any]) -> Any:
        return struct(Lenient, name, fields, tag=True)

    both = tagged("Cat", {"lives": int}) | tagged("Dog", {"barks": bool})
    assert troubles(form_of(both), form_of(both)) == []
    assert troubles(form_of(both), form_of(tagged("Cat", {"lives": int})))
    assert troubles(form_of(both), form_of(tagged("Cat", {"lives": int}) | tagged("Dog", {"barks": int})))
