"""Records on DynamoDB: a unit of work is one transaction, whose conditions say what was read."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from souk_chassis.clock import Clock
from souk_chassis.record import Key, Listed, NotUnique, R, Record, Schema, Unique, key_of, record_of, schema_of
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase, DynamoUnit
from souk_chassis.storage.dynamodb.outbox import OUTBOX_SHARE
from souk_chassis.storage.dynamodb.record_rows import (
    attribute_of,
    bound_text,
    claim_text,
    claims_of,
    expiry_of,
    key_text,
    partitions,
    place_text,
    row_of,
    table_of,
)
from souk_chassis.storage.dynamodb.schema import events_table
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition, Write, check, delete, put
from souk_chassis.storage.records import Page, StagedRecords, check_list, in_place, page_of, place_of, unexpired


class DynamoRecordUnit(StagedRecords, DynamoUnit):
    """See `souk_chassis.storage.records.RecordUnit`. It fails at its end with a collision where something that it has
    read has changed: doing it again is right."""

    def __init__(self, tables: Tables, service: str, clock: Clock, dice: random.Random) -> None:
        StagedRecords.__init__(self)
        DynamoUnit.__init__(self, tables, events_table(service), service, clock, dice)
        self._rows: dict[tuple[type[Record], str], Row | None] = {}
        """Items as they are in the tables, by their keys: records, and the claims of unique values."""
        self._final: dict[tuple[type[Record], str], Record | None] = {}
        """What the unit leaves of the records that it writes."""

    async def commit(self) -> None:
        """See `DynamoUnit`. A write alone goes without a transaction, for half the price."""
        await self._write_staged()
        writes = await self._record_writes()
        alone = not self.published and not self.heard()
        if alone and all(write.kind == "ConditionCheck" for write in writes):
            return  # nothing depends on what was read
        if alone and len(writes) == 1:
            await self.tables.write(writes[0])
            return
        self.writes += writes
        await super().commit()

    async def _load(self, schema: Schema, keys: Sequence[Key]) -> Mapping[Key, Record]:
        texts = [key_text(schema, key) for key in keys]
        await self._read_rows(schema, texts)
        found = [record_of(schema.record, row["record"]) for text in texts if (row := self._rows[schema.record, text])]
        return {key_of(record): record for record in unexpired(schema, found, self.clock.now())}

    async def _insert(self, schema: Schema, records: Mapping[Key, Record]) -> set[Key]:
        kind = schema.record
        there = await self.get(kind, records)
        claims = {claim for record in records.values() for claim in claims_of(schema, record)}
        await self._read_rows(schema, claims)
        fresh: set[Key] = set()
        for key, record in records.items():
            if key not in there and not await self._taken(schema, record):
                self._final[kind, key_text(schema, key)] = record
                fresh.add(key)
        return fresh

    async def _write(self, schema: Schema, puts: Mapping[Key, Record], deletes: Sequence[Key]) -> None:
        final: dict[Key, Record | None] = {**dict.fromkeys(deletes), **puts}
        self._final.update({(schema.record, key_text(schema, key)): record for key, record in final.items()})

    async def _read_rows(self, schema: Schema, texts: Iterable[str]) -> None:
        missing = [text for text in dict.fromkeys(texts) if (schema.record, text) not in self._rows]
        found = await self.tables.get_many(table_of(schema.record), [(text,) for text in missing])
        self._rows.update({(schema.record, text): found.get((text,)) for text in missing})

    async def _taken(self, schema: Schema, record: Record) -> bool:
        """Whether another record has one of its unique values, in the table or in this unit."""
        return any([await self._owner(schema, claim, record) for claim in claims_of(schema, record)])

    async def _owner(self, schema: Schema, claim: str, record: Record) -> str | None:
        """The key of another record than this that holds the claim when the unit ends."""
        kind, own = schema.record, key_text(schema, key_of(record))
        for (other, text), final in self._final.items():
            if other is kind and text != own and final is not None and claim in claims_of(schema, final):
                return text
        row = self._rows[kind, claim]
        if row is None or row["owner"] == own or (kind, row["owner"]) in self._final:
            return None
        await self._read_rows(schema, [row["owner"]])
        owner = self._rows[kind, row["owner"]]
        held = owner and claim in claims_of(schema, kept := record_of(kind, owner["record"]))
        return row["owner"] if held and not schema.is_expired(kept, self.clock.now()) else None

    async def _record_writes(self) -> list[Write]:
        """The writes of all records and claims, and the checks of what was only read."""
        writes: list[Write] = []
        for kind in dict.fromkeys(kind for kind, _ in (*self._final, *self._known)):
            schema, table = schema_of(kind), table_of(kind)
            final = {text: record for (each, text), record in self._final.items() if each is kind}
            await self._read_rows(schema, final)
            for text, record in final.items():
                row = self._rows[kind, text]
                if record is not None:
                    writes.append(put(table, row_of(schema, record, row), _as_read(row)))
                elif row is not None:
                    writes.append(delete(table, {"key": text}, _as_read(row)))
            writes += await self._claim_writes(schema, final)
            read = {key_text(schema, key) for each, key in self._known if each is kind} - final.keys()
            writes += [check(table, {"key": text}, _as_read(self._rows[kind, text])) for text in sorted(read)]
        return writes

    async def _claim_writes(self, schema: Schema, final: Mapping[str, Record | None]) -> list[Write]:
        kind, table = schema.record, table_of(schema.record)
        stored = {text: row for text in final if (row := self._rows[kind, text])}
        before = {text: claims_of(schema, record_of(kind, row["record"])) for text, row in stored.items()}
        after = {text: claims_of(schema, record) for text, record in final.items()}
        made = {claim: text for text, claims in after.items() for claim in claims - before.get(text, set())}
        left = {claim: text for text, claims in before.items() for claim in claims - after[text] if claim not in made}
        await self._read_rows(schema, {*made, *left})
        # What has expired may have lost its claim to another record.
        own = {claim for claim, text in left.items() if (row := self._rows[kind, claim]) and row["owner"] == text}
        writes = [delete(table, {"key": claim}, _as_claimed(self._rows[kind, claim])) for claim in sorted(own)]
        for claim, text in sorted(made.items()):
            record = final[text]
            assert record is not None  # noqa: S101 - only what stays claims anything
            if await self._taken(schema, record):
                raise NotUnique(f"Another {kind.__name__} has the same value.")
            row = {"key": claim, "owner": text, **expiry_of(schema, record)}
            writes.append(put(table, row, _as_claimed(self._rows[kind, claim])))
        return writes


class DynamoRecords(DynamoDatabase[DynamoRecordUnit]):
    """See `souk_chassis.storage.records.RecordStore`. Lists are read from indexes, which are a moment behind."""

    room = TRANSACTION_ITEMS - OUTBOX_SHARE

    def __init__(self, client: DynamoClient, service: str, clock: Clock, dice: random.Random | None = None) -> None:
        tables, dice = Tables(client), dice or random.Random()  # noqa: S311 - spreads load, and no secret
        events = events_table(service)
        super().__init__(tables, events, clock, lambda: DynamoRecordUnit(tables, service, clock, dice))

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """See the port."""
        schema = schema_of(kind)
        texts = [(key_text(schema, key),) for key in keys]
        rows = (await self.tables.get_many(table_of(kind), texts)).values() if texts else ()
        records = [record_of(kind, row["record"]) for row in rows]
        return {key_of(record): record for record in unexpired(schema, records, self.clock.now())}

    async def find(self, unique: Unique, *values: Any) -> Any:
        """See the port."""
        table, schema = table_of(unique.record), schema_of(unique.record)
        claim = await self.tables.get(table, claim_text(unique, values))
        row = await self.tables.get(table, claim["owner"]) if claim else None
        found = [record_of(unique.record, row["record"])] if row else []
        same = [each for each in found if tuple(getattr(each, name) for name in unique.fields) == values]
        return next(iter(unexpired(schema, same, self.clock.now())), None)

    async def page(
        self, listed: Listed, *by: Any, cursor: str | None = None, until: Any = None, limit: int = 50
    ) -> Page[Any]:
        """See the port. An entry of the index whose record has gone or moved meanwhile is passed over."""
        check_list(listed, by, until, limit)
        after = None if cursor is None else listed.position(cursor)
        schema, order, down = schema_of(listed.record), f"{attribute_of(listed)}Order", listed.descending
        table, names = table_of(listed.record), partitions(listed, by)
        entries = Shards(self.tables, table, attribute_of(listed), order, names)
        start = place_text(after) if after else None
        start = start or None  # DynamoDB compares no key with the empty string, before which nothing is
        end = None if until is None else bound_text(listed, until)
        found: list[Record] = []
        while len(found) <= limit:
            wanted = limit + 1 - len(found)
            rows = await entries.first(wanted, after=start, until=end, descending=down)
            bodies = await self.tables.get_many(table, [(row["key"],) for row in rows])
            for row in rows:
                body = bodies.get((row["key"],))
                record = record_of(listed.record, body["record"]) if body else None
                if record is None or not in_place(listed, record, by, None, None):
                    continue
                if place_text(place_of(listed, record)) == row[order]:
                    found += unexpired(schema, [record], self.clock.now())
            if len(rows) < wanted:
                break
            start = rows[-1][order]
        return page_of(listed, found, limit)


def _as_read(row: Row | None) -> list[Condition]:
    """The item is as it was read."""
    return [("key", "absent", None)] if row is None else [("version", "=", row["version"])]


def _as_claimed(row: Row | None) -> list[Condition]:
    return [("key", "absent", None)] if row is None else [("owner", "=", row["owner"])]
