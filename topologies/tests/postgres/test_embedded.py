"""The embedded server's life: started, adopted, stopped, and who may enter."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from souk_topologies.postgres import EmbeddedPostgres, EmbeddedPostgresError, ServerAddress

START = """
import asyncio, os, pathlib, signal, sys
from souk_topologies.postgres import EmbeddedPostgres
embedded = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
print(asyncio.run(embedded.start()).host, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def pid_in(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def pid_of(postgres: EmbeddedPostgres) -> int:
    return pid_in(postgres.data_dir)


def runs(pid: int) -> bool:
    """A zombie, which this machine's init has yet to collect, does not run."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def spawn_starter(data_dir: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", START, str(data_dir)], stdout=subprocess.PIPE, text=True)


async def ask(address: ServerAddress, query: str) -> object:
    connection = await asyncpg.connect(address.dsn("postgres"))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_it_starts_is_adopted_stops_and_keeps_its_data(postgres: EmbeddedPostgres) -> None:
    assert not await postgres.is_alive()
    address = await postgres.start()
    pid = pid_of(postgres)
    assert await postgres.is_alive()
    await ask(address, "CREATE TABLE kept AS SELECT 42 AS answer")

    assert await EmbeddedPostgres(postgres.data_dir).start() == address
    assert await postgres.ensure_running() == address
    assert pid_of(postgres) == pid

    await postgres.stop()
    assert not runs(pid)
    assert not await postgres.is_alive()
    assert await ask(await postgres.ensure_running(), "SELECT answer FROM kept") == 42


async def test_stopping_what_never_started_makes_nothing(folder: Path) -> None:
    await EmbeddedPostgres(folder / "pg").stop()
    assert list(folder.iterdir()) == []


def test_the_server_is_out_of_reach_of_the_terminals_signals(server: ServerAddress) -> None:
    pid = pid_in(Path(server.host).parent)
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


async def test_processes_that_start_at_the_same_moment_share_one_server(postgres: EmbeddedPostgres) -> None:
    """Each of them is killed right after, as well: the server goes on."""
    starters = [spawn_starter(postgres.data_dir) for _ in range(2)]
    hosts = [(await asyncio.to_thread(starter.communicate, timeout=60))[0].strip() for starter in starters]
    assert [starter.returncode for starter in starters] == [-9, -9]
    pid = pid_of(postgres)
    address = await postgres.start()
    assert hosts == [address.host, address.host]
    assert pid_of(postgres) == pid


async def test_an_initdb_cut_short_is_swept_away(postgres: EmbeddedPostgres) -> None:
    half_made = postgres.data_dir / "cluster.new-1234"
    half_made.mkdir(parents=True)
    (postgres.data_dir / "start.lock").touch()
    (half_made / "PG_VERSION").write_text("18\n")
    assert await ask(await postgres.start(), "SELECT 1") == 1
    assert not half_made.exists()


async def test_what_keeps_it_from_starting_is_told_at_once(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    await postgres.stop()
    settings = postgres.data_dir / "cluster" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "\nno_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)did not start.*unrecognized .*no_such_setting"):
        await asyncio.wait_for(postgres.start(), 10)
    settings.write_text(good)
    (postgres.data_dir / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17"):
        await postgres.start()
    (postgres.data_dir / "cluster" / "PG_VERSION").write_text("18\n")
    assert await ask(await postgres.start(), "SELECT 1") == 1


async def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    theirs = folder / "theirs.txt"
    theirs.touch()
    before = folder.stat()
    with pytest.raises(EmbeddedPostgresError, match="a folder of its own"):
        await EmbeddedPostgres(folder).start()
    assert list(folder.iterdir()) == [theirs]
    assert (folder.stat().st_uid, folder.stat().st_mode) == (before.st_uid, before.st_mode)


@pytest.mark.parametrize("name", ["x" * 90, "with, a comma"])
async def test_a_path_that_no_socket_can_have_moves_the_socket_alone(folder: Path, name: str) -> None:
    postgres = EmbeddedPostgres(folder / name)
    try:
        address = await postgres.start()
        socket_folder = Path(address.host)
        assert postgres.data_dir not in socket_folder.parents
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert await ask(address, "SHOW data_directory") == str(postgres.data_dir / "cluster")
        os.kill(pid_of(postgres), 9)
        assert await postgres.start() == address
    finally:
        await postgres.stop()
    assert not socket_folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")
async def test_a_parent_that_the_servers_user_cannot_enter_is_named_and_left_as_it_is(folder: Path) -> None:
    closed = folder / "home"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"{closed} cannot be entered by the user"):
        await EmbeddedPostgres(closed / "shop" / "pg").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user the server is ours")
def test_the_server_never_runs_as_root(server: ServerAddress) -> None:
    data_dir = Path(server.host).parent
    assert psutil.Process(pid_in(data_dir)).uids().effective == data_dir.stat().st_uid != 0


async def test_no_one_enters_without_the_password(server: ServerAddress) -> None:
    for password in ("", "wrong"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.dsn("postgres", password=password))
    assert server.password not in repr(server)


async def test_the_secret_and_the_socket_are_private(server: ServerAddress) -> None:
    data_dir = Path(server.host).parent
    assert stat.S_IMODE((data_dir / "superuser.secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((Path(server.host) / ".s.PGSQL.5432").stat().st_mode) == 0o700


async def test_every_setting_is_understood_and_in_force(server: ServerAddress) -> None:
    from_file = "FROM pg_file_settings WHERE sourcefile LIKE '%/souk.conf'"
    assert await ask(server, f"SELECT count(*) {from_file}") == 24
    assert await ask(server, f"SELECT array_agg(name) {from_file} AND NOT applied") is None
    assert (
        await ask(server, "SELECT array_agg(type) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") is None
    )
    assert await ask(server, "SHOW listen_addresses") == ""
