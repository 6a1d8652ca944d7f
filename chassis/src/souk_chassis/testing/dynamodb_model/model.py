"""The model as a `DynamoClient`: it answers the calls of DynamoDB's API, and its errors, in DynamoDB's own JSON."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from souk_chassis.storage.dynamodb.errors import CONDITION, CONFLICT, translate
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.values import Item
from souk_chassis.testing.dynamodb_model.expressions import ExpressionError, Names, bounds, compare, holds, updated
from souk_chassis.testing.dynamodb_model.items import Key, TableItems, ValidationError
from souk_chassis.testing.dynamodb_model.limits import (
    BATCH_GET_ITEMS,
    BATCH_WRITE_ITEMS,
    RESPONSE_BYTES,
    TRANSACTION_BYTES,
    TRANSACTION_ITEMS,
    TRANSACTIONAL,
    Charge,
    Latency,
    Limits,
    Meter,
    read_units,
    size_of,
)

Place = tuple[str, Key]
"""A table's name and an item's key."""

_TAKEN = "ProvisionedThroughputExceededException"


class DynamoModel:
    """Tables in memory within DynamoDB's limits. It waits by asyncio's clock, and reads the second of it.

    `usage` (units by table or index), `counts` (calls and failures by name) are for reports.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        limits: Limits | None = None,
        latency: Latency | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self.tables = {table.name: TableItems.made(table.create_request()) for table in tables}
        self.meter = Meter(limits or Limits())
        self.counts: Counter[str] = Counter()
        self._latency = latency or Latency()
        self._dice = dice or random.Random(0)  # noqa: S311 - latencies, and no secret
        self._busy: set[Place] = set()
        """Items that a transaction has in hand."""
        self._tokens: dict[str, Any] = {}

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `souk_chassis.storage.dynamodb.client.DynamoClient`."""
        calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "GetItem": self._get,
            "BatchGetItem": self._batch_get,
            "Query": self._query,
            "TransactGetItems": self._transact_get,
            "PutItem": lambda each: self._write_one("Put", each),
            "UpdateItem": lambda each: self._write_one("Update", each),
            "DeleteItem": lambda each: self._write_one("Delete", each),
            "BatchWriteItem": self._batch_write,
            "TransactWriteItems": self._transact_write,
        }
        self.counts[operation] += 1
        try:
            if operation not in calls:
                raise ValidationError(f"the model does not know {operation}")
            answer: dict[str, Any] = await calls[operation](request)
        except (ValidationError, ExpressionError) as error:
            raise self._error("ValidationException", str(error)) from error
        return answer

    async def close(self) -> None:
        """There is nothing to release."""

    # --- reading

    async def _get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait(self._latency.read)
        table, key = self._item(request, "Key")
        self._charge([self._read_charge(table, key, _read_factor(request))])
        item = table.items.get(key)
        return {} if item is None else {"Item": item}

    async def _batch_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait(self._latency.read)
        places = [
            (self._table(name), wanted, key)
            for name, wanted in request["RequestItems"].items()
            for key in (self._table(name).key(each, exact=True) for each in wanted["Keys"])
        ]
        self._check_batch([(table.name, key) for table, _, key in places], BATCH_GET_ITEMS)
        found: dict[str, list[Item]] = {}
        left: dict[str, Any] = {}
        size = 0
        for table, wanted, key in places:
            size += table.sizes.get(key, 0)
            if size > 16 * RESPONSE_BYTES or self._short([self._read_charge(table, key, _read_factor(wanted))]):
                keys = left.setdefault(table.name, {**wanted, "Keys": []})["Keys"]
                keys.append({name: {"S": value} for name, value in zip(table.keys, key, strict=True)})
            elif key in table.items:
                found.setdefault(table.name, []).append(table.items[key])
        if len(places) == sum(len(each["Keys"]) for each in left.values()):
            raise self._error(_TAKEN)
        return {"Responses": found, "UnprocessedKeys": left}

    async def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait(self._latency.read)
        table = self._table(request["TableName"])
        index = table.indexes[request["IndexName"]] if "IndexName" in request else None
        if index is not None and request.get("ConsistentRead"):
            raise ValidationError("Consistent reads are not supported on global secondary indexes")
        names = Names(request)
        conditions = bounds(request["KeyConditionExpression"], names)
        names.check_used()
        hash_key, sort_key = (index.hash_key, index.range_key) if index else (*table.keys, "")[:2]
        wanted = [value["S"] for name, comparison, value in conditions if name == hash_key and comparison == "="]
        on_sort = [(comparison, value) for name, comparison, value in conditions if name == sort_key != ""]
        if len(wanted) != 1 or len(on_sort) > 1 or len(conditions) != 1 + len(on_sort):
            raise ValidationError("Query condition missed key schema element")
        if any(comparison == "<>" for comparison, _ in on_sort):
            raise ValidationError("Unsupported operator in KeyConditionExpression")
        if any(value == {"S": ""} for _, _, value in conditions):
            raise ValidationError("The AttributeValue for a key attribute cannot contain an empty string value")
        source = table.ordered if index is None else index.entries
        start = request.get("ExclusiveStartKey")
        begin = None if start is None else (start[sort_key]["S"] if sort_key else "", table.key(start, exact=False))
        rows = source.get(wanted[0], ())
        forward = request.get("ScanIndexForward", True)
        items, last = _page(table, _following(rows, on_sort, begin, forward), request.get("Limit"))
        answer: list[Item] = items if index is None else [index.entry(item, table.keys) for item in items]
        units = read_units(sum(map(size_of, answer))) * _read_factor(request)
        place = table.name if index is None else f"{table.name}/{request['IndexName']}"
        self._charge([Charge(place, self.meter.partition(wanted[0]), reads=units)])
        found: dict[str, Any] = {"Count": len(answer)}
        if request.get("Select") != "COUNT":
            found["Items"] = answer
        if last is not None:
            found["LastEvaluatedKey"] = {n: last[n] for n in {*table.keys, hash_key, sort_key} if n}
        return found

    async def _transact_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        places = [self._item(each["Get"], "Key") for each in request["TransactItems"]]
        self._check_batch([(table.name, key) for table, key in places], TRANSACTION_ITEMS)
        await self._wait(self._latency.transaction)
        self._cancel_where([CONFLICT if (table.name, key) in self._busy else "None" for table, key in places])
        short = self._short([self._read_charge(table, key, TRANSACTIONAL) for table, key in places])
        self._cancel_where([self._throttle_reason(table, key, short) for table, key in places])
        found = [table.items.get(key) for table, key in places]
        return {"Responses": [{} if item is None else {"Item": item} for item in found]}

    # --- writing

    async def _write_one(self, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait(self._latency.write)
        table, key = self._target(kind, request)
        if (table.name, key) in self._busy:
            raise self._error("TransactionConflictException")
        held, after, size = self._outcome(kind, request, table, key)
        self._charge(table.write_charges(self.meter, key, after if held else table.items.get(key), size, 1))
        if not held:
            raise self._error("ConditionalCheckFailedException")
        table.put(key, after, size)
        return {}

    async def _batch_write(self, request: Mapping[str, Any]) -> dict[str, Any]:
        await self._wait(self._latency.write)
        writes = []
        for name, requests in request["RequestItems"].items():
            for each in requests:
                [(word, body)] = each.items()
                kind = {"PutRequest": "Put", "DeleteRequest": "Delete"}[word]
                writes.append((kind, {"TableName": name, **body}, each))
        targets = [self._target(kind, body) for kind, body, _ in writes]
        self._check_batch([(table.name, key) for table, key in targets], BATCH_WRITE_ITEMS)
        left: dict[str, list[Any]] = {}
        for (kind, body, each), (table, key) in zip(writes, targets, strict=True):
            _, after, size = self._outcome(kind, body, table, key)
            busy = (table.name, key) in self._busy
            if busy or self._short(table.write_charges(self.meter, key, after, size, 1)):
                left.setdefault(table.name, []).append(each)
            else:
                table.put(key, after, size)
        if len(writes) == sum(map(len, left.values())):
            raise self._error(_TAKEN)
        return {"UnprocessedItems": left}

    async def _transact_write(self, request: Mapping[str, Any]) -> dict[str, Any]:
        actions = [next(iter(each.items())) for each in request["TransactItems"]]
        token = request.get("ClientRequestToken")
        if token in self._tokens:
            if self._tokens[token] != request["TransactItems"]:
                raise self._error("IdempotentParameterMismatchException")
            await self._wait(self._latency.transaction)
            return {}
        targets = [self._target(kind, body) for kind, body in actions]
        places = [(table.name, key) for table, key in targets]
        self._check_batch(places, TRANSACTION_ITEMS)
        outcomes = [self._outcome(kind, body, *target) for (kind, body), target in zip(actions, targets, strict=True)]
        if sum(size for _, _, size in outcomes) > TRANSACTION_BYTES:
            raise ValidationError("Transaction Items size exceeded")
        conflicts = [CONFLICT if place in self._busy else "None" for place in places]
        if any(reason != "None" for reason in conflicts):
            await self._wait(self._latency.write)
            self._cancel_where(conflicts)
        charges = [
            charge
            for (table, key), (held, after, size) in zip(targets, outcomes, strict=True)
            for charge in table.write_charges(
                self.meter, key, after if held else table.items.get(key), size, TRANSACTIONAL
            )
        ]
        short = self._short(charges)
        if short:
            await self._wait(self._latency.write)
            self._cancel_where([self._throttle_reason(table, key, short) for table, key in targets], short=True)
        # From here to the end these items are this transaction's: what it saw of them stays true.
        self._busy.update(places)
        try:
            await self._wait(self._latency.transaction)
        finally:
            self._busy.difference_update(places)
        self._cancel_where(["None" if held else CONDITION for held, _, _ in outcomes])
        for (kind, _), (table, key), (_, after, size) in zip(actions, targets, outcomes, strict=True):
            if kind != "ConditionCheck":
                table.put(key, after, size)
        if token is not None:
            self._tokens[token] = request["TransactItems"]
        return {}

    def _outcome(
        self, kind: str, request: Mapping[str, Any], table: TableItems, key: Key
    ) -> tuple[bool, Item | None, int]:
        """Whether the condition holds, and the item after the write with its size."""
        names = Names(request)
        before = table.items.get(key)
        held = holds(request.get("ConditionExpression"), before, names)
        after = before
        if kind == "Put":
            after = dict(request["Item"])
        elif kind == "Delete":
            after = None
        elif kind == "Update":
            blank = {name: {"S": value} for name, value in zip(table.keys, key, strict=True)}
            after = updated(request["UpdateExpression"], before or blank, names)
        names.check_used()
        size = table.sizes.get(key, 0) if after is before or after is None else table.check(key, after)
        return held, after, size

    # --- what calls share

    def _table(self, name: str) -> TableItems:
        if name not in self.tables:
            raise self._error("ResourceNotFoundException", f"there is no table {name}")
        return self.tables[name]

    def _item(self, request: Mapping[str, Any], part: str) -> tuple[TableItems, Key]:
        table = self._table(request["TableName"])
        return table, table.key(request[part], exact=part == "Key")

    def _target(self, kind: str, request: Mapping[str, Any]) -> tuple[TableItems, Key]:
        if kind not in {"Put", "Update", "Delete", "ConditionCheck"}:
            raise ValidationError(f"the model does not know the action {kind}")
        return self._item(request, "Item" if kind == "Put" else "Key")

    def _check_batch(self, places: Sequence[Place], most: int) -> None:
        if not 1 <= len(places) <= most:
            raise ValidationError(f"Member must have length less than or equal to {most}, and at least 1")
        if len(set(places)) < len(places):
            raise ValidationError("Transaction request cannot include multiple operations on one item")

    def _read_charge(self, table: TableItems, key: Key, times: float) -> Charge:
        units = read_units(table.sizes.get(key, 0)) * times
        return Charge(table.name, self.meter.partition(key[0]), reads=units)

    def _short(self, charges: Iterable[Charge]) -> Collection[Charge]:
        return self.meter.grant(charges, asyncio.get_running_loop().time())

    def _charge(self, charges: Iterable[Charge]) -> None:
        if self._short(charges):
            raise self._error(_TAKEN)

    def _throttle_reason(self, table: TableItems, key: Key, short: Collection[Charge]) -> str:
        """An index's partitions are not told by item: AWS names the action whose index was short, and so the whole."""
        partition = self.meter.partition(key[0])
        own = any(charge.place == table.name and charge.partition == partition for charge in short)
        indexed = any(charge.place.startswith(f"{table.name}/") for charge in short)
        return "ProvisionedThroughputExceeded" if own or indexed else "None"

    def _cancel_where(self, reasons: Sequence[str], *, short: bool = False) -> None:
        if short or any(reason != "None" for reason in reasons):
            for reason in set(reasons) - {"None"}:
                self.counts[reason] += 1
            raise self._error("TransactionCanceledException", reasons=reasons)

    def _error(self, kind: str, message: str = "", reasons: Sequence[str] = ()) -> Exception:
        self.counts[kind] += 1
        body: dict[str, Any] = {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message}
        if reasons:
            body["CancellationReasons"] = [{"Code": reason} for reason in reasons]
        return translate(body)

    async def _wait(self, span_s: tuple[float, float]) -> None:
        await asyncio.sleep(self._dice.uniform(*span_s) if span_s[1] else 0.0)


def _read_factor(request: Mapping[str, Any]) -> float:
    return 1.0 if request.get("ConsistentRead") else 0.5


def _page(table: TableItems, following: Iterable[tuple[str, Key]], limit: int | None) -> tuple[list[Item], Item | None]:
    """The items of one page, and the last one where there are more."""
    items: list[Item] = []
    size = 0
    for _, key in following:
        if (limit is not None and len(items) >= limit) or size > RESPONSE_BYTES:
            return items, items[-1]
        items.append(table.items[key])
        size += table.sizes[key]
    return items, None


def _following(
    rows: Sequence[tuple[str, Key]], on_sort: Sequence[tuple[str, Any]], begin: tuple[str, Key] | None, forward: bool
) -> Iterator[tuple[str, Key]]:
    for row in rows if forward else reversed(rows):
        within = all(compare({"S": row[0]}, comparison, value) for comparison, value in on_sort)
        if within and (begin is None or (row > begin if forward else row < begin)):
            yield row
