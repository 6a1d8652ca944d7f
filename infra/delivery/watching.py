"""What a deployment looks at to tell whether the new code fails: the alarms, and the functions' own logs.

The alarms count what Lambda calls an error: a function that does not start, ends, or takes too long. A function that
answers a request with 5xx has done well by that count. Its log says otherwise, and of which version.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cli import DeployError, aws

UNPUBLISHED = "$LATEST"
"""The version of a function without versions, as the names of its log's streams have it."""
FIRST_5XX = 500
FAULTS = f'{{ ($.level = "error") || ($.status >= {FIRST_5XX}) }}'
"""The lines that tell of a failure: what nobody foresaw, and an answer of 5xx."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A function with new code. `since` is when that came, in seconds since 1970."""

    name: str
    version: str = UNPUBLISHED
    since: float = field(default_factory=time.time)


def alarming(alarms: Sequence[str]) -> list[str]:
    """Those of the alarms that are on. Raises DeployError where one does not exist."""
    found = aws("cloudwatch", "describe-alarms", "--alarm-names", *alarms)["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    if missing := [name for name in alarms if name not in states]:
        raise DeployError(f"there is no alarm {', '.join(missing)}: nothing would tell that the new code fails")
    return [name for name in alarms if states[name] == "ALARM"]


def failing(changed: Changed) -> str | None:
    """What the new code of a function says of its failures in its log; None where it says nothing.

    Raises DeployError where the log can't be read.
    """
    found = aws(
        *("logs", "filter-log-events", "--log-group-name", f"/aws/lambda/{changed.name}"),
        *("--start-time", str(int(changed.since * 1000)), "--filter-pattern", FAULTS),
    )
    faults = list(_faults(found["events"], changed.version))
    if not faults:
        return None
    said = faults[0]
    first = f"{said.get('message')}, {said.get('code') or said.get('level')}, trace {said.get('traceId')}"
    return f"{changed.name}, version {changed.version}, fails: {first} ({len(faults)} such lines in its log)"


def _faults(events: Sequence[Any], version: str) -> Iterator[dict[str, Any]]:
    """Of these events those of this version: the name of an instance's stream has it in brackets."""
    for event in events:
        if f"[{version}]" not in event["logStreamName"]:
            continue
        try:
            line = json.loads(event["message"])
        except ValueError:
            continue
        if isinstance(line, dict) and (line.get("level") == "error" or _is_5xx(line.get("status"))):
            yield line


def _is_5xx(status: object) -> bool:
    return isinstance(status, int) and status >= FIRST_5XX
