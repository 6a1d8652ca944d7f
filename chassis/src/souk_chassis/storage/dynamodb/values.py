"""Python values as DynamoDB's attribute values, and back: only those types that Souk keeps.

DynamoDB's rules are those of its developer guide, "Supported data types and naming rules in Amazon DynamoDB".
"""

from collections.abc import Mapping
from typing import Any

Attribute = dict[str, Any]
"""An attribute value in DynamoDB's JSON, such as `{"N": "5"}`."""
Item = dict[str, Attribute]
"""An item in DynamoDB's JSON: attribute values by name."""
Row = dict[str, Any]
"""An item in Python's values."""


def to_attribute(value: object) -> Attribute:
    """The attribute value of None, a bool, an int, a str, a mapping by str, or a list or tuple of those.

    Raises TypeError for anything else: a float would come back as another number, and bytes are not kept.
    """
    if isinstance(value, str):
        return {"S": str(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(int(value))}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {str(name): to_attribute(each) for name, each in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(each) for each in value]}
    raise TypeError(f"{type(value).__name__} is not kept in DynamoDB")


def from_attribute(attribute: Attribute) -> Any:
    """The Python value. Raises TypeError for a type that Souk does not keep, or a number that is no integer."""
    [(kind, value)] = attribute.items()
    if kind in {"S", "BOOL"}:
        return value
    if kind == "N":
        if not value.lstrip("-").isdigit():
            raise TypeError(f"{value} is no integer")
        return int(value)
    if kind == "NULL":
        return None
    if kind == "M":
        return {name: from_attribute(each) for name, each in value.items()}
    if kind == "L":
        return [from_attribute(each) for each in value]
    raise TypeError(f"attributes of type {kind} are not kept here")


def to_item(row: Mapping[str, object]) -> Item:
    """A row as DynamoDB writes it."""
    return {name: to_attribute(value) for name, value in row.items()}


def from_item(item: Item) -> Row:
    """An item as Python reads it."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}


def size_of(item: Item) -> int:
    """The size of an item in bytes, attribute names included ("DynamoDB item sizes and formats")."""
    return sum([_text_size(name) + _value_size(value) for name, value in item.items()])


def _value_size(attribute: Attribute) -> int:
    [(kind, value)] = attribute.items()
    if kind == "S":
        return _text_size(value)
    if kind == "N":
        return (len(str(value).lstrip("-")) + 1) // 2 + 1 + int(str(value).startswith("-"))
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "M":
        return 3 + sum([1 + _text_size(name) + _value_size(each) for name, each in value.items()])
    if kind == "L":
        return 3 + sum([1 + _value_size(each) for each in value])
    raise TypeError(f"attributes of type {kind} are not kept here")


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
