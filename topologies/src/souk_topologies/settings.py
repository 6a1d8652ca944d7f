"""Settings of `souk up`, from its options and the environment."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from souk_chassis.config import ConfigError
from souk_chassis.edge.takeover import Takeover, read_takeover
from souk_topologies.shop import GATEWAY, SERVICES, SHOP

DEFAULT_DATA_DIR = ".souk"
DEFAULT_PORT = 8080
MAX_REPLICAS = 8
"""Processes of one service, or of the whole shop, that serve, and that work on its queues, on one machine."""


SERIALISE = "SOUK_SERIALISE"


class Topology(StrEnum):
    """How the shop is spread over processes."""

    PROCESS = "process"
    PROCESSES = "processes"
    AWS_LOCAL = "aws-local"
    """Functions on an emulator of AWS, made by Terraform."""


def is_serialised(environment: Mapping[str, str]) -> bool:
    """`SOUK_SERIALISE=1`: calls in one process go through JSON, and every event is handled twice."""
    return environment.get(SERIALISE) == "1"


def read_counts(given: Iterable[str], names: Collection[str]) -> dict[str, int]:
    """Processes by service, from texts such as `orders=2,gateway=2`. Raises ConfigError that says what is wrong."""
    counts: dict[str, int] = {}
    for part in (part.strip() for text in given for part in text.split(",")):
        if not part:
            continue
        name, _, count = part.partition("=")
        if name not in names:
            raise ConfigError(f"{part!r} names none of {', '.join(names)}")
        if name in counts:
            raise ConfigError(f"{name} is named twice")
        if not (count.isascii() and count.isdigit() and len(count) <= 3 and 1 <= int(count) <= MAX_REPLICAS):
            raise ConfigError(f"{part!r} must be {name}=1 to {name}={MAX_REPLICAS}")
        counts[name] = int(count)
    return counts


@dataclass(frozen=True)
class Settings:
    """One shop. `database_url` names a server of one's own; without it PostgreSQL is embedded."""

    data_dir: Path
    topology: Topology = Topology.PROCESS
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    sample: bool = True
    """Whether a new embedded shop gets the sample catalogue."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Processes of each of `parts` that serve; one where it is not named."""
    workers: Mapping[str, int] = field(default_factory=dict)
    """Processes of each part, but the gateway, that only work on queues. Where it has such, those that serve do not."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def database_url(self) -> str | None:
        """`SOUK_DATABASE_URL`."""
        return self.environment.get("SOUK_DATABASE_URL") or None

    @property
    def has_sample(self) -> bool:
        """Whether it gets the sample catalogue: not on a server of one's own, nor beside another application, which may
        have products of its own, nor where each product is a function's answer and 2,000 of them take minutes."""
        has_own = self.database_url is not None or self.takeover.is_needed
        return self.sample and not has_own and self.topology is not Topology.AWS_LOCAL

    @property
    def parts(self) -> tuple[str, ...]:
        """What has processes of its own, the one that has the shop's address last. Functions have none."""
        if self.topology is Topology.AWS_LOCAL:
            return ()
        return (SHOP,) if self.topology is Topology.PROCESS else (*SERVICES, *self.applications, GATEWAY)

    @property
    def takeover(self) -> Takeover:
        """`SOUK_LEGACY_URL`, `SOUK_TAKEN_OVER`, `SOUK_APPS` and `SOUK_TRUSTED_HOPS`. Raises ConfigError."""
        return read_takeover(self.environment)

    @property
    def applications(self) -> tuple[str, ...]:
        """Applications that are no services of Souk's, by `module:attribute`. Raises ConfigError."""
        return tuple(dict.fromkeys(target for target in self.takeover.apps.values() if "://" not in target))

    @property
    def is_kept(self) -> bool:
        """Whether the shop has processes beside the one that was started, which then keeps them."""
        return self.topology is Topology.PROCESSES or self.process_count(SHOP) > 1

    def process_count(self, part: str) -> int:
        """How many processes one of `parts` has."""
        return self.replicas.get(part, 1) + self.workers.get(part, 0)

    @property
    def web(self) -> Path:
        """The folder of the pages: `SOUK_WEB_DIR`, or the checkout's."""
        given = self.environment.get("SOUK_WEB_DIR")
        return Path(given) if given else Path(__file__).resolve().parents[3] / "web"
