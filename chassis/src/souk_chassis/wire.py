"""The one JSON of Souk: how messages are written and read, wherever they cross a border."""

from typing import Any, TypeVar

import msgspec

from souk_chassis.money import Money

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `decode` raises where something is no JSON, no UTF-8, nested too deeply, or not of the kind asked for."""


class Message(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """Base of requests: frozen, camelCase on the wire, unknown fields refused.

    A field that holds its default is not written: a caller that makes no use of a new one is still understood by a
    service that does not have it yet.
    """


class Lenient(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of answers and of events' data: unknown fields are passed over, so that whoever writes may add one."""


def encode_extra(value: object) -> object:
    """Write what msgspec does not know by itself: money, as a decimal string."""
    if isinstance(value, Money):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def decode_extra(kind: type, value: Any) -> Any:
    """Read what msgspec does not know by itself: money, from a string or a number."""
    if kind is Money:
        return Money.parse(value)
    raise TypeError(f"{kind.__name__} can't be read from JSON")


_encoder = msgspec.json.Encoder(enc_hook=encode_extra)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(value: object) -> bytes:
    """The JSON of `value`."""
    return _encoder.encode(value)


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read JSON as `kind`. Raises msgspec.ValidationError where it is of another kind; see `UNREADABLE`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, dec_hook=decode_extra)
    return decoder.decode(data)  # type: ignore[no-any-return] # the table is keyed by the decoder's type


def schema_extra(kind: type) -> dict[str, object]:
    """JSON Schema of what msgspec does not know by itself."""
    if kind is Money:
        return {
            "oneOf": [
                {"type": "string", "pattern": r"^\d{1,8}(\.\d{1,2})?$"},
                {"type": "number", "minimum": 0, "maximum": 99999999.99},
            ],
            "description": "An amount with at most two decimal places; answers give it as a string.",
            "examples": ["2.55"],
        }
    raise NotImplementedError(kind)  # what msgspec asks a schema hook to say of a type that it does not know
