"""Whether a process serves, works on queues, or both."""

from collections.abc import Mapping
from typing import Literal

from souk_chassis.config import Config, ConfigError, read_config


class Switches(Config, frozen=True):
    """Settings: `SOUK_SERVE`, `SOUK_WORK`: whether a process answers operations, and whether it works on its queues."""

    serve: Literal["on", "off"] = "on"
    work: Literal["on", "off"] = "on"

    @property
    def serves(self) -> bool:
        """Whether operations are answered. Readiness always is."""
        return self.serve == "on"

    @property
    def works(self) -> bool:
        """Whether consumers, relay and background loops run."""
        return self.work == "on"


def read_switches(environment: Mapping[str, str]) -> Switches:
    """What a process does. Raises ConfigError where that is nothing."""
    switches = read_config(Switches, environment)
    if not switches.serves and not switches.works:
        raise ConfigError("SOUK_SERVE and SOUK_WORK are both off: nothing is left to do")
    return switches
