#!/usr/bin/env python3
"""Deploys a service's package to its functions, step by step, and takes it back when the new code fails.

    deploy_lambda.py --package build/packages/orders.zip --release "$(git rev-parse HEAD)" \\
        --aliased order-service --plain order-service-calls --plain order-service-events

What API Gateway calls goes first: its alias gives the new version 10 %, 50 % and then all of the calls, and after each
step the alarms of all these functions are watched, and what the new code logs. What queues and services call has no
alias and changes at once, so it follows only when the public has tried the code. Then come functions for calls, then
those for events, in the order given. If an alarm goes on, the new code answers with 5xx or logs an error, or anything
else fails, all goes back to what ran before.

Exit status: 0 deployed, 1 not, and what ran before runs again; 2 used wrongly.
"""

import argparse
import base64
import hashlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from aws_cli import DeployError, complain, say, seconds
from functions import Aliased, Code, Plain
from watching import Changed, alarming, failing

STEPS = "10,50,100"
"""Portions of the calls that a new version is given, in per cent."""
WATCH_S = 180.0
"""How long alarms and logs are watched after each step, in seconds: an alarm needs up to three minutes to go on."""
POLL_S = 15.0
"""Between two looks at them, in seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is deployed where, and how carefully."""

    code: Code
    release: str
    aliased: Sequence[Aliased]
    plain: Sequence[Plain]
    alarms: Sequence[str]
    steps: Sequence[int]
    watch_s: float
    poll_s: float


@dataclass(slots=True)
class Undo:
    """How to go back, the last change first."""

    changes: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def remember(self, what: str, back: Callable[[], None]) -> None:
        """Say before a change how it is undone."""
        self.changes.append((what, back))

    def run(self) -> bool:
        """Undo everything; True if all of it went. What can't be undone is said, and the rest goes on."""
        whole = True
        for what, back in reversed(self.changes):
            try:
                back()
                say(f"back: {what}")
            except DeployError as error:
                complain(f"NOT BACK: {what}: {error}")
                whole = False
        return whole


def deploy(plan: Plan, undo: Undo, kept: Path) -> None:
    """Raises DeployError; what was changed until then is in `undo`."""
    if on := alarming(plan.alarms):
        raise DeployError(f"{', '.join(on)} is on already: mend that first, a failure of the new code would not show")
    for name in (*(each.name for each in plan.aliased), *(each.name for each in plan.plain)):
        failing(Changed(name))  # a log that can't be read is met here, while nothing is changed
    changed: list[Changed] = []
    for aliased in plan.aliased:
        if aliased.runs(plan.code):
            say(f"{aliased.name}: runs this code already")
        else:
            _step_by_step(aliased, plan, undo, changed)
    for plain in plan.plain:
        if plain.runs(plan.code):
            say(f"{plain.name}: runs this code already")
        else:
            _at_once(plain, plan, undo, kept, changed)


def _step_by_step(function: Aliased, plan: Plan, undo: Undo, changed: list[Changed]) -> None:
    old = function.live()
    new = function.publish(plan.code, plan.release)
    undo.remember(f"{function.name}: all calls go to version {old}", lambda: function.point(old))
    changed.append(Changed(function.name, new))
    for percent in plan.steps:
        if percent < 100:
            function.share(old, new, percent)
        else:
            function.point(new)
        say(f"{function.name}: {percent} % of the calls go to version {new}")
        _watch(plan, changed)


def _at_once(function: Plain, plan: Plan, undo: Undo, kept: Path, changed: list[Changed]) -> None:
    before = function.keep(kept)
    undo.remember(f"{function.name}: runs the code from before", lambda: function.change(before))
    changed.append(Changed(function.name))  # the code may be at work before the command ends
    function.change(plan.code.file)
    _watch(plan, changed)


def _watch(plan: Plan, changed: Sequence[Changed]) -> None:
    until = time.monotonic() + plan.watch_s
    while True:
        if on := alarming(plan.alarms):
            raise DeployError(f"{', '.join(on)} went on")
        for each in changed:
            if said := failing(each):
                raise DeployError(said)
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(plan.poll_s, left))


def read_plan(arguments: Sequence[str] | None = None) -> Plan:
    """The plan that the command's arguments describe. Ends the program with status 2 where they are wrong."""
    parser = argparse.ArgumentParser(description="Deploys a service's package to its functions on Lambda.")
    parser.add_argument("--package", type=Path, required=True, metavar="ZIP", help="what `souk package` wrote")
    parser.add_argument("--sha256", metavar="HEX", help="refuse a package that has another hash")
    parser.add_argument("--release", required=True, metavar="COMMIT", help="stands in the version's description")
    parser.add_argument("--aliased", action="append", default=[], metavar="FUNCTION", help="called by the alias")
    parser.add_argument("--plain", action="append", default=[], metavar="FUNCTION", help="has no versions")
    parser.add_argument("--project", default="souk", help="what the alarms' names begin with")
    parser.add_argument("--steps", default=STEPS, type=_steps, metavar="PER CENTS")
    parser.add_argument("--watch-s", type=seconds, default=WATCH_S, metavar="SECONDS")
    parser.add_argument("--poll-s", type=seconds, default=POLL_S, metavar="SECONDS")
    given = parser.parse_args(arguments)
    names = [*given.aliased, *given.plain]
    if not names:
        parser.error("name a function by --aliased or --plain")
    try:
        digest = hashlib.sha256(given.package.read_bytes())
    except OSError as error:
        parser.error(f"{given.package}: {error.strerror}")
    if given.sha256 and given.sha256 != digest.hexdigest():
        parser.error(f"{given.package} has the hash {digest.hexdigest()}, and not {given.sha256}")
    return Plan(
        Code(given.package, base64.b64encode(digest.digest()).decode()),
        given.release,
        [Aliased(name) for name in given.aliased],
        [Plain(name) for name in given.plain],
        [f"{given.project}-{name}-errors" for name in names],
        given.steps,
        given.watch_s,
        given.poll_s,
    )


def _steps(text: str) -> list[int]:
    steps = [int(part) for part in text.split(",")]
    if steps != sorted(set(steps)) or steps[0] < 1 or steps[-1] != 100:
        raise argparse.ArgumentTypeError("per cents grow from 1 on, and the last is 100")
    return steps


def _interrupted(number: int, _: FrameType | None) -> None:
    raise DeployError(f"it was told to end by {signal.Signals(number).name}")


def main() -> int:
    """Deploy, or go back."""
    plan, undo = read_plan(), Undo()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    with tempfile.TemporaryDirectory(prefix="souk-deploy-") as kept:
        try:
            deploy(plan, undo, Path(kept))
        except BaseException as error:  # whatever it is, callers are not left half way
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # who cancels twice would leave them there
            complain(str(error) or type(error).__name__)
            whole = undo.run()
            complain("what ran before runs again" if whole else "see above for what did not go back")
            if not isinstance(error, DeployError):
                raise
            return 1
    say(f"deployed {plan.release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
