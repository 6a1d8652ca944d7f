"""What a process does: served, worked, or both."""

from collections.abc import Mapping

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.hosts.switches import read_switches


@pytest.mark.parametrize(
    ("environment", "serves", "works"),
    [
        ({}, True, True),
        ({"SOUK_WORK": ""}, True, True),
        ({"SOUK_WORK": "on", "SOUK_SERVE": "on"}, True, True),
        ({"SOUK_WORK": "off"}, True, False),
        ({"SOUK_SERVE": "off"}, False, True),
    ],
)
def test_what_a_process_does(environment: Mapping[str, str], serves: bool, works: bool) -> None:
    switches = read_switches(environment)
    assert (switches.serves, switches.works) == (serves, works)


@pytest.mark.parametrize("environment", [{"SOUK_WORK": "0"}, {"SOUK_SERVE": "no"}, {"SOUK_WORK": "OFF"}])
def test_a_switch_is_on_or_off(environment: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environment))):
        read_switches(environment)


def test_a_process_that_would_do_nothing() -> None:
    with pytest.raises(ConfigError, match="SOUK_SERVE and SOUK_WORK"):
        read_switches({"SOUK_WORK": "off", "SOUK_SERVE": "off"})
