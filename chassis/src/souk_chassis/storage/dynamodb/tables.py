"""Reads and writes in Python's values over a `DynamoClient`: in requests as wide as DynamoDB allows, whole to the end.

The widths are those of its developer guide, "Quotas in Amazon DynamoDB".
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from souk_chassis.ids import uuid7
from souk_chassis.storage.dynamodb.client import RETRY_BASE_S, RETRY_CAP_S, DynamoClient
from souk_chassis.storage.dynamodb.errors import throttled, too_wide
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.values import Row, from_item, to_item
from souk_chassis.storage.dynamodb.writes import Condition, Placeholders, Write

T = TypeVar("T")

TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 4 * 1024 * 1024
"""The most items of one transaction, and the most that they weigh."""
_NEVER_TOO_HEAVY = 10
"""So many items never weigh too much: an item has 400 KB at most."""
BATCH_GET_ITEMS = 100
BATCH_WRITE_ITEMS = 25
"""The most items of one batch, read or written."""
BATCH_ROUNDS = 12
"""How often what a batch left undone is asked for again, with growing pauses, before it counts as throttled."""

_SINGLE = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


class Tables:
    """DynamoDB's tables, as the adapters speak of them."""

    def __init__(self, client: DynamoClient) -> None:
        self.client = client

    async def get(self, table: Table, *key: str) -> Row | None:
        """One item, as of now."""
        request = {"TableName": table.name, "Key": _key(table, key), "ConsistentRead": True}
        item = (await self.client.call("GetItem", request)).get("Item")
        return None if item is None else from_item(item)

    async def get_many(self, table: Table, keys: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Row]:
        """Those that exist, by key, each as of now: not all as of one moment."""
        parts = chunks(list(dict.fromkeys(keys)), BATCH_GET_ITEMS)
        found: dict[tuple[str, ...], Row] = {}
        for rows in await asyncio.gather(*(self._get_batch(table, part) for part in parts)):
            found.update({tuple(row[name] for name in table.keys): row for row in rows})
        return found

    async def snapshot(self, table: Table, keys: Sequence[tuple[str, ...]]) -> list[Row | None]:
        """Up to 100 items as of one moment, in the order of their keys, for twice the price.

        Raises CollisionError where a transaction writes one of them just then.
        """
        gets = [{"Get": {"TableName": table.name, "Key": _key(table, key)}} for key in keys]
        answer = await self.client.call("TransactGetItems", {"TransactItems": gets})
        return [from_item(each["Item"]) if each.get("Item") else None for each in answer["Responses"]]

    async def query(
        self,
        table: Table,
        hash_value: str,
        *where: Condition,
        index: str | None = None,
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Row]:
        """The items of one partition key in the order of the sort key, up to `limit`; `where` bounds the sort key.

        An index is a little behind its table, and has the attributes alone that it projects.
        """
        request = _query(table, hash_value, where, index)
        if descending:
            request["ScanIndexForward"] = False
        rows: list[Row] = []
        while True:
            if limit is not None:
                request["Limit"] = limit - len(rows)
            answer = await self.client.call("Query", request)
            rows += [from_item(item) for item in answer["Items"]]
            last = answer.get("LastEvaluatedKey")
            if last is None or (limit is not None and len(rows) >= limit):
                return rows
            request = {**request, "ExclusiveStartKey": last}

    async def count(self, table: Table, hash_value: str, *, limit: int, index: str | None = None) -> int:
        """How many items a partition key has; counting ends at `limit`. It costs as much as reading them."""
        request = {**_query(table, hash_value, (), index), "Select": "COUNT"}
        count = 0
        while True:
            answer = await self.client.call("Query", {**request, "Limit": limit - count})
            count += int(answer["Count"])
            last = answer.get("LastEvaluatedKey")
            if last is None or count >= limit:
                return count
            request["ExclusiveStartKey"] = last

    async def write(self, write: Write) -> None:
        """One write alone, for half the price of a transaction's. Raises `ConditionFailedError`."""
        await self.client.call(_SINGLE[write.kind], write.request)

    async def transact(self, writes: Sequence[Write]) -> None:
        """All of these or none, each on an item of its own. A repeat after a lost answer does nothing twice.

        Raises `TransactionCancelledError` where a condition fails, CollisionError where another transaction has
        one of the items, SoukError `unit_too_wide` above 100 items or 4 MB: nothing is split here, and nothing sent.
        """
        if len(writes) > TRANSACTION_ITEMS:
            raise too_wide(f"{len(writes)} items; a transaction of DynamoDB has at most {TRANSACTION_ITEMS}")
        if len(writes) > _NEVER_TOO_HEAVY and (size := sum(write.size for write in writes)) > TRANSACTION_BYTES:
            raise too_wide(f"{size} bytes; a transaction of DynamoDB has at most {TRANSACTION_BYTES}")
        if writes:
            request = {"TransactItems": [write.action for write in writes], "ClientRequestToken": uuid7()}
            await self.client.call("TransactWriteItems", request)

    async def put_all(self, table: Table, rows: Sequence[Row]) -> None:
        """Put items in the place of whatever was there, each for itself."""
        await self._write_batches(table, [{"PutRequest": {"Item": to_item(row)}} for row in rows])

    async def delete_all(self, table: Table, keys: Sequence[tuple[str, ...]]) -> None:
        """Remove items, each for itself."""
        await self._write_batches(table, [{"DeleteRequest": {"Key": _key(table, key)}} for key in keys])

    async def _get_batch(self, table: Table, keys: Sequence[tuple[str, ...]]) -> list[Row]:
        items: list[Any] = []
        left: Mapping[str, Any] = {table.name: {"Keys": [_key(table, key) for key in keys], "ConsistentRead": True}}
        for pause_s in _pauses():
            answer = await self.client.call("BatchGetItem", {"RequestItems": left})
            items += answer["Responses"].get(table.name, ())
            left = answer.get("UnprocessedKeys") or {}
            if not left:
                return [from_item(item) for item in items]
            await asyncio.sleep(pause_s)
        raise throttled()

    async def _write_batches(self, table: Table, requests: Sequence[Any]) -> None:
        for part in chunks(requests, BATCH_WRITE_ITEMS):
            left: Mapping[str, Any] = {table.name: part}
            for pause_s in _pauses():
                answer = await self.client.call("BatchWriteItem", {"RequestItems": left})
                left = answer.get("UnprocessedItems") or {}
                if not left:
                    break
                await asyncio.sleep(pause_s)
            else:
                raise throttled()


def chunks(values: Sequence[T], size: int) -> list[Sequence[T]]:
    """The values in parts of `size` at most."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def _pauses() -> list[float]:
    return [min(RETRY_CAP_S, RETRY_BASE_S * 2**turn) for turn in range(BATCH_ROUNDS)]


def _query(table: Table, hash_value: str, where: Sequence[Condition], index: str | None) -> dict[str, Any]:
    names = Placeholders()
    hash_key = table.hash_key
    if index is not None:
        hash_key = next(each.hash_key for each in table.indexes if each.name == index)
    request: dict[str, Any] = {
        "TableName": table.name,
        "KeyConditionExpression": names.condition([(hash_key, "=", hash_value), *where]),
    }
    request |= {"ConsistentRead": True} if index is None else {"IndexName": index}
    return names.fill(request)


def _key(table: Table, values: Sequence[str]) -> dict[str, Any]:
    return to_item(dict(zip(table.keys, values, strict=True)))
