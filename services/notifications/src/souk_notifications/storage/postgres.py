"""The mails' store on PostgreSQL: one statement a batch to write, one index for each read."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.storage.postgres import PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_contracts.notifications import MailBook
from souk_notifications.domain import Letter, Mail, MailStatus, Receipt
from souk_notifications.ports import MailFilter

_COLUMNS = "mail_id, mail_key, kind, order_id, customer_id, recipient, subject, body, status, created_at"
_RECORD = f"""
INSERT INTO mails ({_COLUMNS})
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::text[], $10::timestamptz[])
ON CONFLICT (mail_key) DO NOTHING RETURNING mail_key
"""
BOOKS = """
SELECT order_id, array_agg(kind) FROM mails WHERE order_id > $1 GROUP BY order_id ORDER BY order_id LIMIT $2
"""
# Grouped in the order of the index, the scan stops when the page is full. Left to itself, a planner that has not seen a
# table grow hashes all of it for every page.
IN_ORDER = "SET LOCAL enable_hashagg = off"


def page_statement(wanted: MailFilter, before: str | None) -> tuple[str, list[str]]:
    """The statement that reads a page, and its values after the first, which is the limit."""
    given = {"customer_id = ": wanted.customer_id, "order_id = ": wanted.order_id, "mail_id < ": before}
    used = {condition: value for condition, value in given.items() if value is not None}
    where = " AND ".join(f"{condition}${place}" for place, condition in enumerate(used, 2)) or "true"
    statement = f"SELECT {_COLUMNS} FROM mails WHERE {where} ORDER BY mail_id DESC LIMIT $1"
    return statement, list(used.values())


class PostgresMailUnit(PostgresUnit):
    """See `souk_notifications.ports.MailUnit`."""

    async def record(self, mails: Sequence[Mail]) -> set[str]:
        """See the port. Keys are written in order, so that two batches never wait for each other in a circle."""
        if not mails:
            return set()
        ordered = sorted(mails, key=lambda mail: mail.key)
        rows = await self.connection.fetch(_RECORD, *zip(*map(_to_row, ordered), strict=True))
        return {row[0] for row in rows}


class PostgresMailStore(PostgresDatabase[PostgresMailUnit]):
    """See `souk_notifications.ports.MailStore`."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        super().__init__(pool, "notifications", clock, PostgresMailUnit)

    async def find_receipts(self, keys: Collection[str]) -> Mapping[str, Receipt]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                "SELECT mail_key, recipient, status FROM mails WHERE mail_key = ANY($1::text[])", list(keys)
            )
        return {key: Receipt(recipient, MailStatus(status)) for key, recipient, status in rows}

    async def page(self, wanted: MailFilter, before: str | None, limit: int) -> Sequence[Mail]:
        """See the port. Each combination of filters has a statement of its own, so that each gets its index."""
        statement, values = page_statement(wanted, before)
        with translated():
            rows = await self.pool.fetch(statement, limit, *values)
        return [_from_row(row) for row in rows]

    async def books(self, after: str, limit: int) -> Sequence[MailBook]:
        """See the port."""
        async with self.reading() as connection, connection.transaction():
            await connection.execute(IN_ORDER)
            rows = await connection.fetch(BOOKS, after, limit)
        return [MailBook(order_id=order_id, kinds=dict(Counter(kinds))) for order_id, kinds in rows]


def _to_row(mail: Mail) -> tuple[Any, ...]:
    return (
        mail.mail_id,
        mail.key,
        mail.kind,
        mail.order_id,
        mail.customer_id,
        mail.to,
        mail.letter.subject,
        mail.letter.body,
        mail.status.value,
        mail.created_at,
    )


def _from_row(row: asyncpg.Record) -> Mail:
    mail_id, key, kind, order_id, customer_id, to, subject, body, status, created_at = row
    return Mail(
        str(mail_id), key, kind, order_id, customer_id, to, Letter(subject, body), MailStatus(status), created_at
    )
