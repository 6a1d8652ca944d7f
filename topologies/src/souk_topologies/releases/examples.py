"""Examples of a type, made from its form: the same ones each time. The first leaves out what may be left out, the
others have every field; between them come the bounds, each value of an enumeration and each member of a union."""

import json
import re
from itertools import chain
from typing import Any

from souk_chassis import wire
from souk_topologies.releases.forms import Form, form_of, name_of

_TEXTS = ("a", "A", "1", "abc", "ABC", "a1", "1.00", "+441234567890", "ada@example.org", "https://example.org")
"""Tried in turn where a text has a pattern."""
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "uuid": "01a20aee-7f75-7799-9672-3e3a09e3b0d2",
    "decimal": "2.55",
}
_DEEP = 4
"""A type that contains itself does so no deeper."""


def examples_of(kind: Any) -> list[Any]:
    """JSON of a type, as it is written. Raises ValueError where its pattern is beyond this, with what to do."""
    form = form_of(kind)
    written: list[Any] = []
    for turn in range(_turns(form)):
        read = wire.decode(json.dumps(_value(form, form, turn, 0)), kind)
        example = json.loads(wire.encode(read))
        if example not in written:
            written.append(example)
    return written


def _turns(part: Any) -> int:
    """The first, and one for each alternative of what has the most: two at the least."""
    if isinstance(part, list):
        return max(map(_turns, part), default=2)
    if not isinstance(part, dict):
        return 2
    own = max(len(part.get(key, ())) for key in ("enum", "anyOf", "oneOf"))
    return max(own + 1, *map(_turns, part.values()), 2)


def _value(form: Form, part: Form, turn: int, depth: int) -> Any:
    turn = turn if depth <= _DEEP else 0
    choice = max(turn - 1, 0)
    for key in ("examples", "enum"):
        if part.get(key):
            return part[key][choice % len(part[key])]
    if "$ref" in part:
        return _value(form, form["$defs"][name_of(part)], turn, depth + 1)
    if choices := part.get("anyOf") or part.get("oneOf"):
        return _value(form, choices[choice % len(choices)], turn, depth)
    match part.get("type"):
        case "object":
            return _members(form, part, turn, depth)
        case "array":
            fixed = part.get("prefixItems", [])
            least, some = part.get("minItems", 0), min(part.get("maxItems", 2), 2)
            count = max(least, some) if turn else least
            items = fixed or [part.get("items") or {}] * count
            return [_value(form, item, turn + (at if turn else 0), depth) for at, item in enumerate(items)]
        case "string":
            return _FORMATS.get(part.get("format", "")) or _text(part, longest=turn % 2 == 1)
        case "integer" | "number":
            return _number(part, highest=turn % 2 == 1)
        case "boolean":
            return turn % 2 == 1
        case kind:
            return None if kind == "null" else {}


def _members(form: Form, part: Form, turn: int, depth: int) -> Form:
    needed = part.get("required", [])
    made = {
        name: _value(form, each, turn, depth)
        for name, each in part.get("properties", {}).items()
        if turn or name in needed
    }
    further = part.get("additionalProperties")
    return made | ({"a": _value(form, further, turn, depth)} if turn and isinstance(further, dict) else {})


def _text(part: Form, *, longest: bool) -> str:
    low: int = part.get("minLength", 1)
    high: int = part.get("maxLength", max(low, 8))
    lengths = (high, low) if longest else (low, high)
    for text in chain(*([(one * length)[:length] for length in lengths] + [one] for one in _TEXTS)):
        if low <= len(text) <= high and re.search(part.get("pattern", ""), text):
            return text
    raise ValueError(f"no example of {part.get('pattern')!r} comes to mind: give its Meta examples=[...]")


def _number(part: Form, *, highest: bool) -> int:
    step: int = part.get("multipleOf", 1)
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    low: int = -(-part.get("minimum", 0) // step) if above is None else above // step + 1
    most: int = part.get("maximum", max(low, 1000) * step) // step if below is None else -(-below // step) - 1
    return step * (most if highest else low)
