"""Conditions and updates of DynamoDB's expression language: the part that Souk's adapters write.

Grammar: the developer guide's "Condition and filter expressions, operators, and functions" and "Using update
expressions in DynamoDB". Names and values must be placeholders, all of them used: a bare name may be a reserved word.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from souk_chassis.storage.dynamodb.values import Attribute, Item

_TOKEN = re.compile(r"\s*(?:(#\w+|:\w+|\w+)|(<>|<=|>=|[=<>(),+-]))")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
Parsed = tuple[Any, ...]


class ExpressionError(ValueError):
    """DynamoDB would refuse it as a ValidationException, or this model does not know it."""


class Names:
    """The placeholders of one request. `check_used` refuses those that no expression named, as DynamoDB does."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, Attribute] = request.get("ExpressionAttributeValues", {})
        self._used: set[str] = set()

    def name(self, token: str) -> str:
        """The attribute's name."""
        if token not in self._names:
            raise ExpressionError(f"{token} names no attribute: this model wants placeholders")
        self._used.add(token)
        return self._names[token]

    def value(self, token: str) -> Attribute:
        """The value."""
        if token not in self._values:
            raise ExpressionError(f"{token} has no value")
        self._used.add(token)
        return self._values[token]

    def check_used(self) -> None:
        """Raise ExpressionError where a placeholder was not used."""
        unused = {*self._names, *self._values} - self._used
        if unused:
            raise ExpressionError(f"unused in expressions: {', '.join(sorted(unused))}")


def holds(expression: str | None, item: Item | None, names: Names) -> bool:
    """Whether a condition holds for an item, or for none."""
    if expression is None:
        return True
    # Every part is looked at, so that each placeholder counts as used and each fault is found.
    parts = [_holds_one(part, item or {}, names) for part in _conjuncts(expression)]
    return all(parts)


def bounds(expression: str, names: Names) -> list[tuple[str, str, Attribute]]:
    """A key condition as (attribute, comparison, value)."""
    found = []
    for kind, *operands in _conjuncts(expression):
        if kind != "compare":
            raise ExpressionError("a key condition compares")
        left, comparison, right = operands
        found.append((names.name(left), comparison, names.value(right)))
    return found


def compare(left: Attribute | None, comparison: str, right: Attribute) -> bool:
    """Compare two attribute values. Values of different types differ, and neither is less."""
    if left is None:
        return False
    [(kind, value)], [(other_kind, other)] = left.items(), right.items()
    if kind != other_kind:
        return comparison == "<>"
    if comparison not in {"=", "<>"} and kind not in {"N", "S"}:
        raise ExpressionError(f"{kind} is not ordered")
    return bool(_COMPARE[comparison](_ordered(kind, value), _ordered(kind, other)))


def updated(expression: str, item: Item, names: Names) -> Item:
    """The item after SET, ADD and REMOVE. The right sides see the item as it was."""
    result = dict(item)
    touched: set[str] = set()
    for clause, token, value in _actions(expression):
        name = names.name(token)
        if name in touched:
            raise ExpressionError(f"{name} is changed twice")
        touched.add(name)
        if clause == "REMOVE":
            result.pop(name, None)
        elif clause == "SET":
            result[name] = names.value(value)
        else:
            result[name] = _sum(item.get(name, {"N": "0"}), names.value(value))
    return result


def _holds_one(part: Parsed, item: Item, names: Names) -> bool:
    if part[0] == "compare":
        _, left, comparison, right = part
        return compare(item.get(names.name(left)), comparison, names.value(right))
    kind, token = part
    return bool((names.name(token) in item) == (kind == "attribute_exists"))


def _ordered(kind: str, value: Any) -> Any:
    if kind == "N":
        return int(value)
    # DynamoDB orders strings by their UTF-8 bytes; so does Python, by code points.
    return value


def _sum(left: Attribute, right: Attribute) -> Attribute:
    if left.keys() != {"N"} or right.keys() != {"N"}:
        raise ExpressionError("ADD wants numbers")
    return {"N": str(int(left["N"]) + int(right["N"]))}


@lru_cache(maxsize=4096)
def _conjuncts(expression: str) -> tuple[Parsed, ...]:
    tokens = _tokens(expression)
    parts: list[Parsed] = [_condition(tokens)]
    for word in tokens:
        if word != "AND":
            raise ExpressionError(f"{word} in a condition is unknown here")
        parts.append(_condition(tokens))
    return tuple(parts)


def _condition(tokens: Iterator[str]) -> Parsed:
    first = next(tokens, "")
    if first in {"attribute_exists", "attribute_not_exists"}:
        _expect(tokens, "(")
        name = _placeholder(next(tokens, ""), "#")
        _expect(tokens, ")")
        return first, name
    comparison = next(tokens, "")
    if comparison not in _COMPARE:
        raise ExpressionError(f"{comparison or 'nothing'} is no comparison")
    return "compare", _placeholder(first, "#"), comparison, _placeholder(next(tokens, ""), ":")


@lru_cache(maxsize=4096)
def _actions(expression: str) -> tuple[tuple[str, str, str], ...]:
    """Every action as (clause, name, value)."""
    tokens = _tokens(expression)
    actions: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    word: str | None = next(tokens, "")
    while word is not None:
        if word not in {"SET", "ADD", "REMOVE"} or word in seen:
            raise ExpressionError(f"{word or 'nothing'} begins no clause of an update")
        clause, word = word, ","
        seen.add(clause)
        while word == ",":
            name, value = _placeholder(next(tokens, ""), "#"), ""
            if clause == "SET":
                _expect(tokens, "=")
            if clause != "REMOVE":
                value = _placeholder(next(tokens, ""), ":")
            actions.append((clause, name, value))
            word = next(tokens, None)
    return tuple(actions)


def _tokens(expression: str) -> Iterator[str]:
    place, found = 0, []
    text = expression.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"{text[place:]} can't be read")
        found.append(match[1] or match[2])
        place = match.end()
    return iter(found)


def _placeholder(token: str, sign: str) -> str:
    if not token.startswith(sign):
        raise ExpressionError(f"{token or 'nothing'} stands where a placeholder with {sign} must")
    return token


def _expect(tokens: Iterator[str], wanted: str) -> None:
    found = next(tokens, "")
    if found != wanted:
        raise ExpressionError(f"{found or 'nothing'} stands where {wanted} must")
