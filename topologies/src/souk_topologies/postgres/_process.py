"""What really runs in a cluster's folder. The pid file alone lies after `kill -9` and after a reboot."""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAM = "postgres"
_LEAVE_ALONE_S = 0.5  # idle backends see that the postmaster died, and go by themselves
_KILL_AFTER_S = 6.0  # the postmaster, too, waits 5 s between SIGQUIT and SIGKILL
_PID_FILE_LINES = 8


@dataclass(frozen=True)
class Postmaster:
    """A running server as its pid file tells: `status` is starting, ready or stopping."""

    pid: int
    port: int
    socket_folder: Path
    status: str


def live_postmaster(cluster: Path) -> Postmaster | None:
    """The server that runs on `cluster`, or None: no pid file, an unfinished one, or one whose process is gone."""
    lines = _pid_file_lines(cluster)
    if not lines or not _serves(int(lines[0]), cluster):
        return None
    if len(lines) < _PID_FILE_LINES:  # the first moments of a start
        return Postmaster(int(lines[0]), 0, Path(), "starting")
    return Postmaster(int(lines[0]), int(lines[3]), Path(lines[4]), lines[7].strip())


def drop_misleading_lock(cluster: Path) -> None:
    """Remove a pid file whose number now belongs to a stranger or to a zombie, which PostgreSQL takes for a server.

    Called under the start lock, with no live postmaster. PostgreSQL's second guard stays: it finds the shared memory
    of the folder by the folder's inode. A pid that is simply gone is left for PostgreSQL to handle.
    """
    lines = _pid_file_lines(cluster)
    if not lines:
        return
    if not psutil.pid_exists(int(lines[0])):
        return
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    if len(lines) >= _PID_FILE_LINES and lines[4]:
        socket = Path(lines[4]) / f".s.PGSQL.{lines[3]}"
        socket.unlink(missing_ok=True)
        socket.with_name(socket.name + ".lock").unlink(missing_ok=True)


def reap_zombies() -> None:
    """Collect dead server processes that are our children, which they become where we are a container's PID 1."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
            if child.status() == psutil.STATUS_ZOMBIE and child.name() == PROGRAM:
                os.waitpid(child.pid, 0)


async def end_orphans(cluster: Path) -> None:
    """Wait until the backends of a killed postmaster are gone, as no server can start before.

    Called with no live postmaster. After half a second they get what the postmaster would send: SIGQUIT, then SIGKILL.
    """
    began = time.monotonic()
    while orphans := await asyncio.to_thread(_orphans, cluster):
        waited_s = time.monotonic() - began
        if waited_s > _LEAVE_ALONE_S:
            for orphan in orphans:
                with contextlib.suppress(psutil.NoSuchProcess):
                    orphan.send_signal(signal.SIGKILL if waited_s > _KILL_AFTER_S else signal.SIGQUIT)
        if waited_s > 2 * _KILL_AFTER_S:  # stuck in the kernel: PostgreSQL's own message will tell
            break
        await asyncio.sleep(0.05)
    await asyncio.to_thread(reap_zombies)


def _pid_file_lines(cluster: Path) -> list[str]:
    try:
        lines = (cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines if lines and lines[0].isdigit() else []


def _serves(pid: int, cluster: Path) -> bool:
    try:
        return _is_server(psutil.Process(pid), cluster)
    except (psutil.NoSuchProcess, ValueError):
        return False


def _is_server(process: psutil.Process, cluster: Path) -> bool:
    """A server process works in its cluster's folder. Another user's process, which we may not see, is not ours."""
    try:
        return process.name() == PROGRAM and process.cwd() == str(cluster)
    except (psutil.ZombieProcess, psutil.AccessDenied):
        return False


def _orphans(cluster: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if _is_server(process, cluster):
                found.append(process)
    return found
