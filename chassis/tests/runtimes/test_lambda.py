"""A sandbox: started by its first event, and again after a start that failed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.lambda_ import Sandbox

HTTP = {"version": "2.0", "routeKey": "GET /x", "rawPath": "/x", "requestContext": {"http": {"method": "GET"}}}


class Starting(Sandbox):
    """A sandbox whose start fails as often as the test says."""

    def __init__(self, part: str, failures: int = 0) -> None:
        super().__init__({"SOUK_PART": part, "SOUK_BOOTSTRAP": "souk_books.bootstrap"})
        self.starts = 0
        self._failures = failures

    async def _start(self) -> Any:
        self.starts += 1
        if self.starts <= self._failures:
            raise OSError("no way to the secret")

        async def work(_: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
            return {"remaining": deadline.remaining_s}

        return work


def test_it_starts_once_and_keeps_time_for_the_answer() -> None:
    sandbox = Starting("events")
    for _ in range(3):
        assert 9.0 < sandbox.handle({}, 10.0)["remaining"] <= 9.5
    assert sandbox.starts == 1


def test_a_start_that_failed_is_made_again() -> None:
    sandbox = Starting("events", failures=1)
    with pytest.raises(OSError, match="secret"):
        sandbox.handle({}, 10.0)
    assert sandbox.handle({}, 10.0)
    assert sandbox.starts == 2


def test_a_request_that_met_it_gets_a_problem() -> None:
    sandbox = Starting("http", failures=1)
    answer = sandbox.handle(HTTP, 10.0)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "not_started")
    assert sandbox.handle(HTTP, 10.0)["remaining"]


def test_settings_that_cannot_be_are_named() -> None:
    for environment in ({}, {"SOUK_PART": "other"}):
        with pytest.raises(ConfigError, match="SOUK_PART"):
            Sandbox(environment)
