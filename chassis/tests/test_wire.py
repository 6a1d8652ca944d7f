"""The wire: camelCase, unknown fields refused in requests and passed over elsewhere, and a few kinds of failure."""

import msgspec
import pytest

from souk_chassis import wire
from souk_chassis.money import Money


class Strict(wire.Message, frozen=True, kw_only=True):
    order_id: str
    total: Money | None = None


class Tolerant(wire.Lenient, frozen=True, kw_only=True):
    order_id: str


def test_names_are_camel_case() -> None:
    assert wire.encode(Strict(order_id="o1", total=Money(5))) == b'{"orderId":"o1","total":"0.05"}'
    assert wire.decode('{"orderId":"o1"}', Strict) == Strict(order_id="o1")


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Strict(order_id="o1").order_id = "o2"  # type: ignore[misc] # the point


def test_a_request_leaves_out_what_has_its_default_and_what_is_told_is_told_whole() -> None:
    class Told(wire.Lenient, frozen=True, kw_only=True):
        total: Money | None = None

    assert wire.encode(Strict(order_id="o1")) == b'{"orderId":"o1"}'
    assert wire.encode(Told()) == b'{"total":null}'


def test_unknown_fields_are_refused_in_requests_and_passed_over_in_what_is_told() -> None:
    sent = b'{"orderId":"o1","color":"red"}'
    assert wire.decode(sent, Tolerant) == Tolerant(order_id="o1")
    with pytest.raises(msgspec.ValidationError, match="color"):
        wire.decode(sent, Strict)


@pytest.mark.parametrize("sent", [b"", b"{", b"\xff", b'{"orderId":"\xff"}', b"[]", b'{"a":' * 5000, b'"\\ud800"'])
def test_what_can_not_be_read_is_of_the_kinds_named(sent: bytes) -> None:
    for kind in (Strict, Tolerant, object):
        if kind is object and sent == b"[]":
            continue
        with pytest.raises(wire.UNREADABLE):
            wire.decode(sent, kind)


@pytest.mark.parametrize("value", [object(), {1, object()}, Exception("x")])
def test_what_can_not_be_written_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        wire.encode(value)
