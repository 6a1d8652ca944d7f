"""What the baseline writes, and how pgbench's word is read."""

from pathlib import Path

from souk_topologies.replay.history import History, Line, TradeOrder
from trials.benchmarks.bare_sql import LINES_IN_TRANSACTION, SQL, tps, write_literal_scripts

PRINTED = """\
number of transactions actually processed: 3350
latency average = 2.388 ms
initial connection time = 12.345 ms
tps = 3348.842873 (without initial connection time)
"""


def test_the_rate_is_read() -> None:
    assert tps(PRINTED) == 3348.842873


def test_each_line_of_a_history_is_inserted_once_in_transactions_of_21(tmp_path: Path) -> None:
    order = TradeOrder(
        order_id="536365",
        customer_id=None,
        placed_at="2010-12-01 08:26:00",
        country="France",
        lines=tuple(Line(f"P{number}", number + 1, 205, number + 2) for number in range(50)),
        total_minor=0,
    )
    history = History(
        orders=(order,),
        products={},
        order_lines=50,
        units=0,
        amount_minor=0,
        returns=0,
        return_lines=0,
        skipped_lines=0,
        other_invoices=0,
        by_file=(),
    )
    files = write_literal_scripts(history, tmp_path)
    text = "".join(file.read_text() for file in files)
    for number in range(50):
        assert text.count(f"('536365', {number + 1}, 'P{number}', {number + 1}, 2.05);") == 1
    transactions = [part for part in text.split("BEGIN;\n") if "INSERT" in part]
    assert sorted(part.count("INSERT") for part in transactions) == [8, 21, 21]
    assert all(file.read_text().strip() for file in files)


def test_the_script_of_lines_has_as_many_as_a_transaction_is_said_to_have() -> None:
    assert (SQL / "lines.sql").read_text().count("INSERT INTO history_lines") == LINES_IN_TRANSACTION
