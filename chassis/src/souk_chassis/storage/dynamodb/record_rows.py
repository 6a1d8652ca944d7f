"""Records as items of DynamoDB: a table a type, an index a list.

| attribute | what |
|---|---|
| `key` | the values of the key, joined; or, with a leading separator, a unique value, of which `owner` is the key |
| `version` | another text after each write, which the next write is conditional on |
| `record` | the whole record as JSON |
| `byProduct`, `byProductOrder` | of a list `by_product`: its partition, and the place in it; others have none |
| `expiresAt` | seconds since 1970, from which DynamoDB may remove the item |

The separator is U+0000, which no value contains: so joined values are in the order of their parts.
"""

import math
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.ids import uuid7
from souk_chassis.record import Key, Listed, Record, Schema, Unique, body_of, key_of, schema_of
from souk_chassis.storage.dynamodb.schema import Index, Table
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.records import place_of

SEPARATOR = "\0"
PARTITIONS = 16
"""Partitions that a list is spread over: 16,000 writes a second together."""
EXPIRES_AT = "expiresAt"


@cache
def table_of(record: type[Record]) -> Table:
    """The table of a type of record."""
    schema = schema_of(record)
    indexes = tuple(
        Index(attribute_of(each), attribute_of(each), f"{attribute_of(each)}Order") for each in schema.lists
    )
    return Table(schema.name, "key", indexes=indexes, expires=EXPIRES_AT if schema.expires else None)


def attribute_of(listed: Listed) -> str:
    """The name of a list's index, and of the attribute with its partition."""
    first, *rest = listed.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def key_text(schema: Schema, key: Key) -> str:
    """A key as DynamoDB has it."""
    return _joined(schema.tuple_of(key))


def claim_text(unique: Unique, values: Sequence[Any]) -> str:
    """The key of the item that says whose a unique value is."""
    return SEPARATOR + unique.name + SEPARATOR + _joined(values)


def claims_of(schema: Schema, record: Record | None) -> set[str]:
    """The keys of the items for all unique values of a record."""
    if record is None:
        return set()
    values = [(unique, [getattr(record, name) for name in unique.fields]) for unique in schema.unique]
    return {claim_text(unique, each) for unique, each in values if None not in each}


def row_of(schema: Schema, record: Record, before: Row | None) -> Row:
    """The item of a record. What an item `before` has of fields that this version does not know stays in it."""
    body = body_of(record).decode()
    if before is not None:
        known = msgspec.json.decode(body)
        body = wire.encode({**msgspec.json.decode(before["record"]), **known}).decode()
    row = {"key": key_text(schema, key_of(record)), "version": uuid7(), "record": body, **expiry_of(schema, record)}
    for listed in schema.lists:
        if schema.is_listed(record, listed):
            values = [getattr(record, name) for name in listed.by]
            row[attribute_of(listed)] = partition(listed, values, key_of(record))
            row[f"{attribute_of(listed)}Order"] = _joined(place_of(listed, record))
    return row


def expiry_of(schema: Schema, record: Record) -> Row:
    """The attribute by which an item expires, if it does."""
    ends = getattr(record, schema.expires) if schema.expires else None
    return {} if ends is None else {EXPIRES_AT: math.ceil(ends.timestamp())}


def partition(listed: Listed, by: Sequence[Any], key: Key) -> str:
    """The partition of a list's index in which a record is."""
    if not listed.spread:
        return partitions(listed, by)[0]
    return partitions(listed, by)[zlib.crc32(key_text(schema_of(listed.record), key).encode()) % PARTITIONS]


def partitions(listed: Listed, by: Sequence[Any]) -> list[str]:
    """The partitions of a list's index."""
    name = _joined(by)
    return [f"{name}{SEPARATOR}{number:02x}" for number in range(PARTITIONS)] if listed.spread else [name or SEPARATOR]


def place_text(place: Sequence[Any]) -> str:
    """The place in a list, as text in the same order."""
    return _joined(place)


def bound_text(listed: Listed, until: Any) -> str:
    """What a list ends before, given the value that it ends before."""
    # Downwards, all places of that very value stand between it and the next character after the separator.
    return _sortable(until) + (chr(1) if listed.descending else "")


def _joined(values: Sequence[Any]) -> str:
    return SEPARATOR.join(map(_sortable, values))


def _sortable(value: Any) -> str:
    """A value as text in the order of the values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, int):
        return f"{value + 2**63:020d}"
    return str(value)
