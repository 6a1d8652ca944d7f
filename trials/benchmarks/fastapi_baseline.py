"""Starts the FastAPI order service on the PostgreSQL of a shop under trial, with uvicorn, uvloop and httptools."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg

from souk_chassis.hosts.listening import free_port
from trials.benchmarks.bare_sql import create_database
from trials.benchmarks.generator import ROOT
from trials.benchmarks.trial_shop import TrialShop

DATABASE = "fastapi_shop"
SCHEMA = Path(__file__).with_name("fastapi_shop") / "schema.sql"
POOL = 10
"""More made it slower on two cores; connections of PostgreSQL wait for one another, too."""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


async def create_tables(shop: TrialShop) -> None:
    """Make its database."""
    await create_database(shop.server, DATABASE, SCHEMA.read_text())


@asynccontextmanager
async def fastapi_shop(shop: TrialShop, workers: int, pool: int = POOL) -> AsyncIterator[str]:
    """The address of the service, which has its tables. It ends with the block."""
    port = free_port()
    url = shop.server.dsn(DATABASE).replace("postgresql://", "postgresql+asyncpg://")
    environment = dict(os.environ) | {
        "SHOP_DATABASE_URL": url,
        "SHOP_KEY": str(shop.keys / "operator.pem"),
        "SHOP_POOL": str(pool),
    }
    command = [sys.executable, "-m", "uvicorn", "trials.benchmarks.fastapi_shop.main:app", "--port", str(port)]
    command += ["--workers", str(workers), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--log-level", "warning"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        await _until_healthy(address, process)
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def orders_stored(shop: TrialShop) -> int:
    """How many orders it has in its tables."""
    connection = await asyncpg.connect(shop.server.dsn(DATABASE))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM orders"))
    finally:
        await connection.close()


async def _until_healthy(address: str, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
    async with aiohttp.ClientSession() as session:
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                async with session.get(f"{address}/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    raise RuntimeError("the FastAPI service did not start: are its packages installed? (make bench installs them)")
