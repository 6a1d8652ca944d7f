"""The data directory: where a running shop keeps its database, its keys and its address, and where others find them."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil


class ShopState(msgspec.Struct, frozen=True):
    """The address of a running shop, and the process that runs it."""

    url: str
    pid: int
    topology: str


class AlreadyRunningError(RuntimeError):
    """Another shop runs on this data directory."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """One data directory."""

    path: Path

    @property
    def keys(self) -> Path:
        """The signing keys, one file an issuer, and the JWKS."""
        return self.path / "keys"

    @property
    def secrets(self) -> Path:
        """The database passwords."""
        return self.path / "keys" / "database.json"

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL."""
        return self.path / "postgres"

    @property
    def log(self) -> Path:
        """The log of a shop that was started with `--detach`."""
        return self.path / "shop.log"

    @property
    def edge(self) -> Path:
        """What the gateway's process serves besides operations: the document and the pages."""
        return self.path / "edge"

    @property
    def state(self) -> Path:
        """The address of the running shop: written last, once it takes orders."""
        return self.path / "shop.json"

    def create(self) -> None:
        """Make the folder. It is no secret: what is secret in it has modes of its own. Git is to pass a new one over,
        wherever it is: it may be in a checkout."""
        if self.path.is_dir():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / ".gitignore").write_text("*\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the data directory. Raises AlreadyRunningError. The lock ends with the process, however it ends."""
        self.create()
        with (self.path / "shop.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(f"a shop runs on {self.path} already: stop it with souk down") from None
            yield

    def is_locked(self) -> bool:
        """Whether a shop runs on this data directory."""
        if not self.path.exists():
            return False
        try:
            with self.lock():
                return False
        except AlreadyRunningError:
            return True

    def write_state(self, state: ShopState) -> None:
        """Say where the shop is."""
        fresh = self.state.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self.state)

    def write_processes(self, pids: Mapping[str, int]) -> None:
        """Say which process runs what, where there is more than one."""
        (self.path / "processes.json").write_bytes(msgspec.json.encode(pids))

    def read_processes(self) -> dict[str, int]:
        """The processes of a shop that has more than one, by name."""
        with suppress(FileNotFoundError):
            return msgspec.json.decode((self.path / "processes.json").read_bytes(), type=dict[str, int])
        return {}

    def remove_state(self) -> None:
        """Say that the shop is gone."""
        self.state.unlink(missing_ok=True)
        (self.path / "processes.json").unlink(missing_ok=True)

    def read_state(self) -> ShopState | None:
        """Where the shop is, if one runs."""
        with suppress(FileNotFoundError, msgspec.MsgspecError):
            state = msgspec.json.decode(self.state.read_bytes(), type=ShopState)
            if not has_ended(state.pid):
                return state
        return None


def has_ended(pid: int) -> bool:
    """Whether a process is gone; one that its parent has not asked yet how it ended is."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
