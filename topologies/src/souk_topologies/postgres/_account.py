"""Which OS user runs the embedded server, and how programs are run as that user.

PostgreSQL refuses to run as root. A container is root more often than not, so the server then runs as another user.
"""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from souk_chassis.hosts.process import in_thread

ACCOUNTS = ("postgres", "pgserver", "nobody")
"""Users to run as when we are root, best first: Debian's and Alpine's own, the wheel's own, and the one that every
system has. None is created: starting a shop must not change the machine's list of users."""

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be started, reached or stopped. The message says why, and what to do."""


class Finished(NamedTuple):
    """What a program left: its exit status and what it wrote to stdout and stderr, in one text."""

    status: int
    output: str


@dataclass(frozen=True)
class ServerAccount:
    """The OS user whom the server runs as; `switch` where that is not the user of this process."""

    uid: int
    gid: int
    name: str
    switch: bool

    def own(self, path: Path) -> None:
        """Give `path` to this user. Does nothing where we are that user."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def popen_options(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make the program run as this user."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": os.getgrouplist(self.name, self.gid)}


def choose_account(data_dir: Path) -> ServerAccount:
    """The user for `data_dir`: ourselves, or as root the folder's owner, or the first of `ACCOUNTS`.

    Raises:
        EmbeddedPostgresError: the folder is another user's, or root finds no user to run as.
    """
    owner_uid = data_dir.stat().st_uid if data_dir.exists() else os.geteuid()
    if os.geteuid() != 0:
        if owner_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{data_dir} belongs to {_user_name(owner_uid)}: run as that user or as root, or choose another folder"
            )
        return ServerAccount(os.geteuid(), os.getegid(), _user_name(owner_uid), switch=False)
    for found in (_entry(owner_uid), *map(_entry, ACCOUNTS)):
        if found is not None and found.pw_uid != 0:
            return ServerAccount(found.pw_uid, found.pw_gid, found.pw_name, switch=True)
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and none of these users exists here: {', '.join(ACCOUNTS)}"
    )


def check_reach(account: ServerAccount, folder: Path, instead: str) -> None:
    """Ask the kernel, as the account, whether it may enter `folder` and all above it; `instead` is the other way out.

    Raises:
        EmbeddedPostgresError: naming the first folder that keeps the account out.
    """
    if not account.switch:
        return
    chain = (*reversed(folder.parents), folder)
    script = 'for f in "$@"; do cd -- "$f" 2>/dev/null || { printf %s "$f"; exit 1; }; done'
    answer = run(account, ["/bin/sh", "-c", script, "sh", *map(str, chain)], cwd=Path("/"), timeout_s=10)
    if answer.status != 0:
        raise EmbeddedPostgresError(
            f"{answer.output} cannot be entered by the user {account.name!r}, as whom PostgreSQL runs (never root): "
            f"{instead}, or allow it yourself (chmod o+x {answer.output})"
        )


def run(
    account: ServerAccount, command: Sequence[str], *, cwd: Path, timeout_s: float, keep_open: Sequence[int] = ()
) -> Finished:
    """Run a program as the account, in a session of its own, so that Ctrl-C in the terminal does not reach it.

    Output goes through a file, not a pipe: a server that inherits a pipe would keep the reader waiting for ever.

    Raises:
        EmbeddedPostgresError: it did not end within `timeout_s` (it is killed then), or could not be started.
    """
    # PGDATA, PGPORT and their like in the user's environment would steer the server elsewhere.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"LC_ALL": "C", "TZ": "UTC"}
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(  # noqa: S603  # a list, no shell; programs of the wheel, paths of our own
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=timeout_s,
                start_new_session=True,
                pass_fds=keep_open,
                check=False,
                **account.popen_options(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedPostgresError(f"{Path(command[0]).name}: {error}") from error
        output.seek(0)
        return Finished(done.returncode, output.read().decode(errors="replace").strip())


async def run_aside(
    account: ServerAccount, command: Sequence[str], *, cwd: Path, timeout_s: float, keep_open: Sequence[int] = ()
) -> Finished:
    """`run` in a thread, as uvloop's own subprocesses cannot change user. Waits for the program even when cancelled."""
    return await in_thread(run, account, command, cwd=cwd, timeout_s=timeout_s, keep_open=keep_open)


def _entry(user: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except KeyError:
        return None


def _user_name(uid: int) -> str:
    entry = _entry(uid)
    return entry.pw_name if entry else f"user {uid}"
