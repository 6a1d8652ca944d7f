"""Writes of one item, as DynamoDB's JSON has them: alone or as actions of a transaction.

All names and values go in as placeholders, so that no attribute's name can be one of DynamoDB's reserved words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.values import Row, size_of, to_attribute, to_item

Condition = tuple[str, str, object]
"""An attribute's name, `=`, `<>`, `<`, `<=`, `>` or `>=`, and a value; or a name, `absent` or `present`, and None."""

_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_FUNCTIONS = {"absent": "attribute_not_exists", "present": "attribute_exists"}


class Write(msgspec.Struct, frozen=True):
    """An action on one item: `kind` is Put, Update, Delete or ConditionCheck, `request` its parameters."""

    kind: str
    request: dict[str, Any]

    @property
    def action(self) -> dict[str, Any]:
        """As TransactWriteItems wants it."""
        return {self.kind: self.request}

    @property
    def size(self) -> int:
        """What it adds to a transaction, in bytes: the item that is put, or the key and the values of a change. (What
        a change leaves of its item DynamoDB counts, too, and nobody else knows.)"""
        request = self.request
        return size_of(request.get("Item") or request["Key"]) + size_of(request.get("ExpressionAttributeValues", {}))


class Placeholders:
    """Gathers the names and values of one request's expressions."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, name: str) -> str:
        """The placeholder of an attribute's name."""
        return self._names.setdefault(name, f"#n{len(self._names)}")

    def value(self, value: object) -> str:
        """The placeholder of a value."""
        key = f":v{len(self._values)}"
        self._values[key] = to_attribute(value)
        return key

    def condition(self, conditions: Sequence[Condition]) -> str:
        """All of these hold. Raises ValueError for a comparison that is none."""
        return " AND ".join(self._one(*condition) for condition in conditions)

    def fill(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request with what was gathered."""
        if self._names:
            request["ExpressionAttributeNames"] = {key: name for name, key in self._names.items()}
        if self._values:
            request["ExpressionAttributeValues"] = self._values
        return request

    def _one(self, name: str, comparison: str, value: object) -> str:
        if comparison in _FUNCTIONS:
            return f"{_FUNCTIONS[comparison]}({self.name(name)})"
        if comparison not in _COMPARISONS:
            raise ValueError(f"{comparison} compares nothing")
        return f"{self.name(name)} {comparison} {self.value(value)}"


def put(table: Table, row: Row, when: Sequence[Condition] = ()) -> Write:
    """Put a whole item in the place of whatever was there."""
    return Write("Put", _conditional({"TableName": table.name, "Item": to_item(row)}, when))


def insert(table: Table, row: Row) -> Write:
    """Put an item where there is none."""
    return put(table, row, [(table.hash_key, "absent", None)])


def update(
    table: Table,
    key: Row,
    *,
    sets: Mapping[str, object] | None = None,
    adds: Mapping[str, int] | None = None,
    removes: Sequence[str] = (),
    when: Sequence[Condition] = (),
) -> Write:
    """Change attributes: set them, add to numbers (0 where there is none), remove them. Makes an item if there is none
    and the condition lets it."""
    names = Placeholders()
    clauses = []
    if sets:
        clauses.append("SET " + ", ".join(f"{names.name(n)} = {names.value(v)}" for n, v in sets.items()))
    if adds:
        clauses.append("ADD " + ", ".join(f"{names.name(n)} {names.value(v)}" for n, v in adds.items()))
    if removes:
        clauses.append("REMOVE " + ", ".join(names.name(n) for n in removes))
    request = {"TableName": table.name, "Key": to_item(key), "UpdateExpression": " ".join(clauses)}
    return Write("Update", _conditional(request, when, names))


def delete(table: Table, key: Row, when: Sequence[Condition] = ()) -> Write:
    """Remove an item. Without a condition it need not be there."""
    return Write("Delete", _conditional({"TableName": table.name, "Key": to_item(key)}, when))


def check(table: Table, key: Row, when: Sequence[Condition]) -> Write:
    """Write nothing, and let the transaction through only where the item is so."""
    return Write("ConditionCheck", _conditional({"TableName": table.name, "Key": to_item(key)}, when))


def _conditional(
    request: dict[str, Any], when: Sequence[Condition], names: Placeholders | None = None
) -> dict[str, Any]:
    names = names or Placeholders()
    if when:
        request["ConditionExpression"] = names.condition(when)
    return names.fill(request)
