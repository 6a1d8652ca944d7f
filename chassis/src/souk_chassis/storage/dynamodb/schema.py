"""How a table is keyed: what the adapters agree on with whoever makes the tables, Terraform or a test."""

from typing import Any

import msgspec


class Index(msgspec.Struct, frozen=True):
    """A global secondary index. Items that lack one of its two keys are not in it. `whole` projects all attributes."""

    name: str
    hash_key: str
    range_key: str
    whole: bool = False


class Table(msgspec.Struct, frozen=True):
    """A table: its name, its keys (strings all), its indexes, and the attribute by which DynamoDB lets items expire.

    `streams`: what is written to it is shown by a stream, in the new form.
    """

    name: str
    hash_key: str
    range_key: str | None = None
    indexes: tuple[Index, ...] = ()
    expires: str | None = None
    streams: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the key attributes."""
        return (self.hash_key,) if self.range_key is None else (self.hash_key, self.range_key)

    def create_request(self) -> dict[str, Any]:
        """What CreateTable is given, with on-demand capacity."""
        named = {*self.keys, *(key for index in self.indexes for key in (index.hash_key, index.range_key))}
        request: dict[str, Any] = {
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(named)],
            "KeySchema": _key_schema(*self.keys),
        }
        if self.indexes:
            request["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index.name,
                    "KeySchema": _key_schema(index.hash_key, index.range_key),
                    "Projection": {"ProjectionType": "ALL" if index.whole else "KEYS_ONLY"},
                }
                for index in self.indexes
            ]
        return request


def events_table(service: str) -> Table:
    """The table of a service's outbox and inbox, such as `OrdersEvents`. DynamoDB removes expired ids, at no cost."""
    return Table(f"{service.capitalize()}Events", "slot", "id", expires="expiresAt", streams=True)


def _key_schema(*names: str) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]
