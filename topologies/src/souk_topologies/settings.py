"""Settings of `souk up`, from its options and the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DEFAULT_DATA_DIR = ".souk"
DEFAULT_PORT = 8080


class Topology(StrEnum):
    """How the shop is spread over processes."""

    PROCESS = "process"
    PROCESSES = "processes"


@dataclass(frozen=True)
class Settings:
    """One shop. `database_url` names a server of one's own; without it PostgreSQL is embedded."""

    data_dir: Path
    topology: Topology = Topology.PROCESS
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    sample: bool = True
    """Whether a new embedded shop gets the sample catalogue."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def database_url(self) -> str | None:
        """`SOUK_DATABASE_URL`."""
        return self.environment.get("SOUK_DATABASE_URL") or None

    @property
    def web(self) -> Path:
        """The folder of the pages: `SOUK_WEB_DIR`, or the checkout's."""
        given = self.environment.get("SOUK_WEB_DIR")
        return Path(given) if given else Path(__file__).resolve().parents[3] / "web"

    @property
    def serialised(self) -> bool:
        """`SOUK_SERIALISE=1`: calls in one process go through JSON, and every event is handled twice."""
        return self.environment.get("SOUK_SERIALISE") == "1"
