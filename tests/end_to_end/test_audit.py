"""`souk audit` finds what is wrong: one row changed in each store, and the check that is there for it fails alone."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.topology.client import Client, guest_order
from tests.topology.running import Shop, clean_environment, souk

# ruff: noqa: S608 - statements put together from this file's own constants

QUICK_AUDIT = """
import souk_topologies.audit.run as run
run.DRAIN_S, run.PAUSE_S = 0.5, 0.05
from souk_topologies.cli import main
main()
"""
"""The command, with less patience: what is planted here does not pass by waiting."""
ORDER = "planted-order"
SECOND = "planted-second"
EVENT = "00000000-0000-7000-8000-00000000{:04x}"


@dataclass(frozen=True)
class Breach:
    """Statements that break the books of one service, those that mend them, and the checks that are to fail."""

    service: str
    checks: frozenset[str]
    named: str
    do: Sequence[str]
    undo: Sequence[str]


def breach(service: str, checks: str, named: str, do: str, undo: str) -> Breach:
    """A breach by statements apart from each other by semicolons."""
    return Breach(service, frozenset(checks.split()), named, do.split(";"), undo.split(";"))


def charged(order_id: str, amount_minor: int) -> str:
    """A further charge in the sandbox's books."""
    charge = f'[{{"key": "again", "payment_id": "x", "amount_minor": {amount_minor}, "currency": "GBP"}}]'
    return f"UPDATE sandbox_orders SET {_SET_CHARGES} || '{charge}') WHERE order_id = '{order_id}'"


_SET_CHARGES = "record = jsonb_set(record, '{charges}', (record->'charges')"
UNCHARGED = f"UPDATE sandbox_orders SET {_SET_CHARGES} - (-1)) WHERE order_id = '{ORDER}'"


def captured(more: str) -> str:
    """A payment of another amount."""
    amount = f"to_jsonb((record->>'captured_minor')::int {more})"
    return f"UPDATE payments SET record = jsonb_set(record, '{{captured_minor}}', {amount}) WHERE order_id = '{ORDER}'"


def mailed(kind: str) -> str:
    """The mail of an order as one of another kind."""
    return f"UPDATE mails SET record = jsonb_set(record, '{{kind}}', '\"{kind}\"') WHERE order_id = '{ORDER}'"


RESERVATION_COLUMNS = "order_id, state, held_units, wanted, created_at, updated_at"

OF_TOTALS = {"stock_matches_reservations"}
"""Checks that compare sums over all products: what is wrong has no id."""

BREACHES = {
    "a stock number": breach(
        "products",
        "stock_ledger",
        "planted-lamp",
        "UPDATE stock SET on_hand = on_hand + 1 WHERE product_id = 'planted-lamp'",
        "UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = 'planted-lamp'",
    ),
    "a ledger that adds up all the same": breach(
        "products",
        "stock_matches_reservations",
        "planted-lamp",
        "UPDATE stock SET on_hand = on_hand - 1, sold = sold + 1 WHERE product_id = 'planted-lamp'",
        "UPDATE stock SET on_hand = on_hand + 1, sold = sold - 1 WHERE product_id = 'planted-lamp'",
    ),
    "a reservation": breach(
        "products",
        "reservations_match_orders stock_matches_reservations",
        ORDER,
        f"UPDATE reservations SET held_units = held_units + 1 WHERE order_id = '{ORDER}'",
        f"UPDATE reservations SET held_units = held_units - 1 WHERE order_id = '{ORDER}'",
    ),
    "a reservation without an order": breach(
        "products",
        "reserved_without_order stock_matches_reservations",
        "planted-nobody",
        f"INSERT INTO reservations ({RESERVATION_COLUMNS}) VALUES ('planted-nobody', 'HELD', 2, '{{}}', now(), now())",
        "DELETE FROM reservations WHERE order_id = 'planted-nobody'",
    ),
    "a payment": breach(
        "payments",
        "provider_agrees",
        ORDER,
        captured("+ 1"),
        captured("- 1"),
    ),
    # The second charge is of nothing, so that nothing but the number of charges is wrong.
    "a second charge at the provider": breach(
        "payments",
        "charged_once",
        ORDER,
        charged(ORDER, 0),
        UNCHARGED,
    ),
    "money taken twice": breach(
        "payments",
        "charged_once provider_agrees money_matches_orders",
        ORDER,
        charged(ORDER, 250),
        UNCHARGED,
    ),
    "a payment without an order": breach(
        "payments",
        "charged_without_order",
        "planted-nobody",
        """INSERT INTO payments (record) VALUES ('{"order_id": "planted-nobody", "payment_id": "x", """
        """"state": "CAPTURED", "captured_minor": 5, "currency": "GBP", "created_at": "2026-01-01T00:00:00Z"}');"""
        """INSERT INTO sandbox_orders (record) VALUES ('{"order_id": "planted-nobody", "charges": """
        """[{"key": "planted-nobody", "payment_id": "x", "amount_minor": 5, "currency": "GBP"}]}')""",
        "DELETE FROM payments WHERE order_id = 'planted-nobody';"
        "DELETE FROM sandbox_orders WHERE order_id = 'planted-nobody'",
    ),
    "an order's total": breach(
        "orders",
        "money_matches_orders",
        ORDER,
        f"UPDATE orders SET total_amount = total_amount + 0.01 WHERE order_id = '{ORDER}'",
        f"UPDATE orders SET total_amount = total_amount - 0.01 WHERE order_id = '{ORDER}'",
    ),
    # Not among the open orders: else the shop would find it by itself, and mend it before the audit came.
    "an order that has been pending for long": breach(
        "orders",
        "orders_ended",
        ORDER,
        f"UPDATE orders SET status = 'PENDING', created_at = created_at - interval '1 hour' WHERE order_id = '{ORDER}'",
        "UPDATE orders SET status = 'CONFIRMED', created_at = created_at + interval '1 hour'"
        f" WHERE order_id = '{ORDER}'",
    ),
    "a mail that was not sent": breach(
        "notifications",
        "mails_match_orders",
        ORDER,
        mailed("shipped"),
        mailed("confirmed"),
    ),
    "an event that waits in a queue": breach(
        "products",
        "queues_drained",
        "products-order-created",
        "INSERT INTO inbox (queue, event_id, event, visible_at, received_at) VALUES"
        f" ('products-order-created', '{EVENT.format(1)}', '{{}}', now() + interval '1 hour', now())",
        f"DELETE FROM inbox WHERE event_id = '{EVENT.format(1)}'",
    ),
    "a dead letter": breach(
        "orders",
        "no_dead_letters",
        EVENT.format(2),
        "INSERT INTO dead_letters (queue, event_id, event, reason, attempts, died_at)"
        f" SELECT 'orders-stock-reserved', '{EVENT.format(2)}', "
        """'{"id": "x", "source": "products", "type": "StockReserved.v1", "subject": "planted-order", """
        """"specversion": "1.0", "time": "2026-01-01T00:00:00Z", "datacontenttype": "application/json", """
        """"traceparent": "", "data": {}}', 'planted', 5, now()""",
        f"DELETE FROM dead_letters WHERE event_id = '{EVENT.format(2)}'",
    ),
}


@pytest.fixture
async def audited(quiet_shop: Shop, quiet: Client) -> Shop:
    """The quiet shop, with two confirmed orders of known ids and a product of known stock."""
    content = {"name": "Lamp", "price": "2.50", "inventory": 100}
    put = await quiet.ask("PUT", "/products/planted-lamp", content)
    if put.status == 201:
        for order_id in (ORDER, SECOND):
            await quiet.confirmed(guest_order(("planted-lamp", 1), id=order_id))
            await quiet.mails(order_id, "confirmed")
    await quiet_shop.row_counts()  # nothing of other tests is under way
    return quiet_shop


def quick_audit(shop: Shop) -> tuple[int, dict[str, Any], str]:
    """The audit's status, its report and its stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", QUICK_AUDIT, "audit", "--json", "--data-dir", str(shop.folder)],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(),
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout), ended.stderr


@asynccontextmanager
async def planted(shop: Shop, wrong: Breach) -> AsyncIterator[None]:
    """The breach, for as long as the block lasts."""
    connection = await asyncpg.connect(await shop.dsn(wrong.service))
    try:
        if wrong.checks == {"stock_ledger"}:
            await without_own_checks(connection, wrong.do)
        for statement in wrong.do:
            await connection.execute(statement)
        try:
            yield
        finally:
            for statement in wrong.undo:
                await connection.execute(statement)
            if wrong.checks == {"stock_ledger"}:
                await connection.execute(
                    "ALTER TABLE stock ADD CONSTRAINT stock_check CHECK (start + corrected - sold + returned = on_hand)"
                )
    finally:
        await connection.close()


async def without_own_checks(connection: "asyncpg.Connection[Any]", statements: Sequence[str]) -> None:
    """The database itself refuses a ledger that does not add up: only without its constraint can one be planted."""
    for statement in statements:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    await connection.execute("ALTER TABLE stock DROP CONSTRAINT stock_check")


@pytest.mark.parametrize("name", BREACHES)
async def test_one_changed_row_is_found_by_its_check_alone(audited: Shop, name: str) -> None:
    wrong = BREACHES[name]
    async with planted(audited, wrong):
        status, report, err = quick_audit(audited)
    failed = {check["name"]: check["breaches"] for check in report["checks"] if not check["ok"]}
    assert (status, report["ok"]) == (1, False), report
    assert set(failed) == wrong.checks, failed
    for check, breaches in failed.items():
        assert len(breaches) == 1, breaches
        assert wrong.named in breaches[0] or check in OF_TOTALS
        assert check in err.splitlines()[-1]


async def test_an_event_that_no_relay_takes(audited: Shop) -> None:
    """Held by a lock, as by a relay that hangs."""
    connection = await asyncpg.connect(await audited.dsn("users"))
    try:
        held = None
        while held is None:  # until it is locked before the relay has taken it
            await connection.execute(
                f"INSERT INTO outbox VALUES ('{EVENT.format(3)}', 'Planted', '{{}}') ON CONFLICT DO NOTHING"
            )
            transaction = connection.transaction()
            await transaction.start()
            held = await connection.fetchval("SELECT type FROM outbox FOR UPDATE SKIP LOCKED")
            if held is None:
                await transaction.rollback()
        status, report, _ = quick_audit(audited)
        await connection.execute(f"DELETE FROM outbox WHERE event_id = '{EVENT.format(3)}'")
        await transaction.commit()
    finally:
        await connection.close()
    failed = {check["name"]: check["breaches"] for check in report["checks"] if not check["ok"]}
    assert (status, failed) == (1, {"queues_drained": ["users: 1 events wait in the outbox"]})


async def test_a_breach_is_told_to_people_too(audited: Shop) -> None:
    """With all the command's patience: meanwhile the order grows older, and is the same breach all the same."""
    async with planted(audited, BREACHES["an order that has been pending for long"]):
        told = souk("audit", at=audited.folder)
    assert told.status == 1
    assert "FAIL orders_ended" in told.out
    assert re.search(rf"{ORDER}: PENDING for 3[6-9]\d\d s", told.out)
    assert told.err == "souk: the books do not agree: orders_ended\n"
    audited.audit()
