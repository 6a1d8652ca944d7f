"""The server killed, its socket swept away, its pid file left to lie: the next start brings it back by itself."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from souk_topologies.postgres import EmbeddedPostgres

FOREVER = "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"
AS_PID_ONE = """
import asyncio, ctypes, os, pathlib, sys
import psutil
from souk_topologies.postgres import EmbeddedPostgres

PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
embedded = EmbeddedPostgres(pathlib.Path(sys.argv[1]))

async def life():
    await embedded.start()
    pid = int((embedded.data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    assert psutil.Process(pid).ppid() == os.getpid()
    os.kill(pid, 9)
    await embedded.start()
    await embedded.stop()

asyncio.run(life())
print(len(psutil.Process().children(recursive=True)))
"""


def pid_file_of(postgres: EmbeddedPostgres) -> Path:
    return postgres.data_dir / "cluster" / "postmaster.pid"


def pid_of(postgres: EmbeddedPostgres) -> int:
    return int(pid_file_of(postgres).read_text().splitlines()[0])


def runs(pid: int) -> bool:
    """A zombie, which this machine's init has yet to collect, does not run."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_busy(pid: int) -> None:
    until = time.monotonic() + 10
    while psutil.Process(pid).cpu_times().user < 0.05:
        assert time.monotonic() < until
        time.sleep(0.01)


def spawn_stranger(uid: int, gid: int) -> "subprocess.Popen[bytes]":
    if os.geteuid() == 0:
        return subprocess.Popen(["sleep", "60"], cwd="/", user=uid, group=gid)
    return subprocess.Popen(["sleep", "60"])


async def test_after_kill_9_it_comes_back_with_what_was_committed(victim: EmbeddedPostgres) -> None:
    """A backend that is busy outlives its postmaster, and keeps the shared memory that the next one needs."""
    address = await victim.start()
    connection = await asyncpg.connect(address.dsn("postgres"))
    await connection.execute("CREATE TABLE committed (id int)")
    for number in range(3):
        await connection.execute("INSERT INTO committed VALUES ($1)", number)
    backend = connection.get_server_pid()
    busy = asyncio.create_task(connection.execute(FOREVER))
    await asyncio.to_thread(wait_until_busy, backend)

    killed = pid_of(victim)
    os.kill(killed, 9)
    assert runs(backend)
    address = await asyncio.wait_for(victim.start(), 20)
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await busy
    connection.terminate()

    assert pid_of(victim) != killed
    assert not runs(backend)
    again = await asyncpg.connect(address.dsn("postgres"))
    assert await again.fetchval("SELECT count(*) FROM committed") == 3
    await again.close()


async def test_stopping_after_kill_9_leaves_no_busy_backend(victim: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect((await victim.start()).dsn("postgres"))
    backend = connection.get_server_pid()
    busy = asyncio.create_task(connection.execute(FOREVER))
    await asyncio.to_thread(wait_until_busy, backend)
    os.kill(pid_of(victim), 9)
    await asyncio.wait_for(victim.stop(), 20)
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await busy
    connection.terminate()
    assert not runs(backend)


async def test_every_kill_is_survived_and_seen(victim: EmbeddedPostgres) -> None:
    await victim.start()
    for _ in range(2):
        os.kill(pid_of(victim), 9)
        address = await victim.ensure_running()
        connection = await asyncpg.connect(address.dsn("postgres"))
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_pid_that_now_is_a_strangers_does_not_stop_the_start(victim: EmbeddedPostgres) -> None:
    """As after a reboot, or in a container made anew: PostgreSQL alone would refuse, seeing that the pid lives."""
    await victim.start()
    owner = victim.data_dir.stat()
    stranger = spawn_stranger(owner.st_uid, owner.st_gid)
    try:
        os.kill(pid_of(victim), 9)
        lines = pid_file_of(victim).read_text().splitlines()
        pid_file_of(victim).write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        lock = Path(lines[4]) / ".s.PGSQL.5432.lock"
        lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")
        assert not await victim.is_alive()
        await asyncio.wait_for(victim.start(), 20)
        assert await victim.is_alive()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_socket_that_was_swept_away_comes_back(victim: EmbeddedPostgres) -> None:
    address = await victim.start()
    (Path(address.host) / ".s.PGSQL.5432").unlink()
    assert not await victim.is_alive()
    assert await asyncio.wait_for(victim.ensure_running(), 20) == address
    assert await victim.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no subreaper to stand in for PID 1")
async def test_as_a_containers_first_process_it_leaves_no_zombie(folder: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", AS_PID_ONE, str(folder / "pg")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
