"""The tables of the model: items by key, kept in order, with their indexes."""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from souk_chassis.storage.dynamodb.values import Item
from souk_chassis.testing.dynamodb_model.limits import (
    ITEM_BYTES,
    KEY_BYTES,
    SORT_KEY_BYTES,
    Charge,
    Meter,
    size_of,
    write_units,
)

Key = tuple[str, ...]


class ValidationError(ValueError):
    """DynamoDB's ValidationException."""


@dataclass(slots=True)
class IndexItems:
    """A global secondary index: its entries by partition key, in the order of the sort key."""

    hash_key: str
    range_key: str
    whole: bool
    entries: dict[str, list[tuple[str, Key]]] = field(default_factory=dict)

    def place(self, item: Item | None) -> tuple[str, str] | None:
        """The index's key of an item, or None where it is not in the index."""
        if item is None or self.hash_key not in item or self.range_key not in item:
            return None
        return item[self.hash_key]["S"], item[self.range_key]["S"]

    def entry(self, item: Item, keys: Key) -> Item:
        """What the index holds of an item."""
        if self.whole:
            return item
        return {name: item[name] for name in {*keys, self.hash_key, self.range_key}}


@dataclass(slots=True)
class TableItems:
    """One table."""

    name: str
    keys: Key
    indexes: dict[str, IndexItems]
    items: dict[Key, Item] = field(default_factory=dict)
    sizes: dict[Key, int] = field(default_factory=dict)
    ordered: dict[str, list[tuple[str, Key]]] = field(default_factory=dict)
    """By partition key: sort keys in order."""

    @classmethod
    def made(cls, request: Mapping[str, Any]) -> "TableItems":
        """A table as CreateTable's request describes it."""
        indexes = {}
        for each in request.get("GlobalSecondaryIndexes", ()):
            hash_key, range_key = _key_names(each)
            whole = each["Projection"]["ProjectionType"] == "ALL"
            indexes[each["IndexName"]] = IndexItems(hash_key, range_key, whole)
        return cls(request["TableName"], _key_names(request), indexes)

    def key(self, source: Item, *, exact: bool) -> Key:
        """The key of an item; `exact` where it must have no other attribute."""
        if exact and source.keys() != set(self.keys):
            raise ValidationError("The provided key element does not match the schema")
        values = []
        for name, most in zip(self.keys, (KEY_BYTES, SORT_KEY_BYTES), strict=False):
            value = source.get(name, {}).get("S", "")
            if not value or len(value.encode()) > most:
                raise ValidationError(f"the key attribute {name} is missing, empty or too long")
            values.append(value)
        return tuple(values)

    def check(self, key: Key, after: Item) -> int:
        """The size of an item. Raises ValidationError for one that may not be: too big, or with another key."""
        if self.key(after, exact=False) != key:
            raise ValidationError("Cannot update attribute. This attribute is part of the key")
        size = size_of(after)
        if size > ITEM_BYTES:
            raise ValidationError("Item size has exceeded the maximum allowed size")
        for index in self.indexes.values():
            place = index.place(after)
            if place is not None and (not all(place) or len(place[1].encode()) > SORT_KEY_BYTES):
                raise ValidationError("an index's key is empty or too long")
        return size

    def put(self, key: Key, after: Item | None, size: int) -> None:
        """Replace an item by one of this size, or remove it."""
        before = self.items.get(key)
        sort = key[1] if len(key) > 1 else ""
        rows = self.ordered.setdefault(key[0], [])
        if before is None and after is not None:
            insort(rows, (sort, key))
        elif before is not None and after is None:
            rows.remove((sort, key))
        for index in self.indexes.values():
            was, now = index.place(before), index.place(after)
            if was == now:
                continue
            if was is not None:
                index.entries[was[0]].remove((was[1], key))
            if now is not None:
                insort(index.entries.setdefault(now[0], []), (now[1], key))
        if after is None:
            self.items.pop(key, None)
            self.sizes.pop(key, None)
        else:
            self.items[key] = after
            self.sizes[key] = size

    def write_charges(self, meter: Meter, key: Key, after: Item | None, size: int, times: int) -> Iterator[Charge]:
        """What a write costs: by the larger of the item before and after; in an index, for each entry that goes or
        comes, and at the single price even in a transaction."""
        before = self.items.get(key)
        units = times * write_units(max(self.sizes.get(key, 0), size))
        yield Charge(self.name, meter.partition(key[0]), writes=units)
        for name, index in self.indexes.items():
            was, now = index.place(before), index.place(after)
            entries = [
                None if place is None or item is None else index.entry(item, self.keys)
                for place, item in ((was, before), (now, after))
            ]
            if entries[0] == entries[1]:
                continue
            for place, entry in dict(zip((was, now), entries, strict=True)).items():
                if place is not None and entry is not None:
                    partition = meter.partition(place[0])
                    yield Charge(f"{self.name}/{name}", partition, writes=write_units(size_of(entry)))


def _key_names(described: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(part["AttributeName"] for part in described["KeySchema"])
