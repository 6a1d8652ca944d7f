"""Deploying to Lambda: the order, the steps, and back from wherever it fails."""

import hashlib
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.cloud import NEW, OLD, SCRIPTS, Cloud, Ended, code_of

NAMES = ["--aliased", "order-service", "--plain", "order-service-calls", "--plain", "order-service-events"]
ON = "souk-order-service-errors"


def deploy(cloud: Cloud, package: Path, *more: str) -> Ended:
    return cloud.run_here("deploy_lambda.py", *told(package), *more)


def told(package: Path) -> list[str]:
    return ["--package", str(package), "--release", "c0ffee", *NAMES, "--watch-s", "0", "--poll-s", "0.01"]


def changes(cloud: Cloud) -> list[str]:
    """What was changed, in order: the action, the function, and where an alias points."""
    found = []
    for said in cloud.calls():
        words = said.split()
        if words[1] in ("update-function-code", "publish-version", "update-alias"):
            told = dict(zip(words[2::2], words[3::2], strict=True))
            where = f" {told['--function-version']} {told['--routing-config']}" if words[1] == "update-alias" else ""
            found.append(f"{words[1]} {told['--function-name']}{where}")
    return found


def all_as_before(cloud: Cloud) -> bool:
    state = cloud.read()
    alias = state["functions"]["order-service"]["alias"]
    plain = [code_of(state, name) for name in ("order-service-calls", "order-service-events")]
    return alias == {"FunctionVersion": "1"} and plain == [OLD, OLD]


def test_the_public_goes_first_step_by_step_then_calls_then_events(cloud: Cloud, package: Path) -> None:
    done = cloud.run("deploy_lambda.py", *told(package))
    assert (done.status, done.err) == (0, "")
    assert changes(cloud) == [
        "update-function-code order-service",
        "publish-version order-service",
        "update-alias order-service 1 AdditionalVersionWeights={2=0.1}",
        "update-alias order-service 1 AdditionalVersionWeights={2=0.5}",
        "update-alias order-service 2 AdditionalVersionWeights={}",
        "update-function-code order-service-calls",
        "update-function-code order-service-events",
    ]
    state = cloud.read()
    assert state["functions"]["order-service"]["alias"] == {"FunctionVersion": "2"}
    assert {code_of(state, name) for name in state["functions"]} == {NEW}


def test_alarms_and_logs_are_looked_at_after_each_change(cloud: Cloud, package: Path) -> None:
    deploy(cloud, package)
    calls = [said.split()[1] for said in cloud.calls()]
    for number, call in enumerate(calls):
        if call == "update-alias":
            assert calls[number + 1 : number + 3] == ["describe-alarms", "filter-log-events"]
    assert calls[:4] == ["describe-alarms", *["filter-log-events"] * 3]
    assert calls[-4:] == ["describe-alarms", *["filter-log-events"] * 3]


def test_its_own_steps(cloud: Cloud, package: Path) -> None:
    assert deploy(cloud, package, "--steps", "1,100").status == 0
    assert [line for line in changes(cloud) if "alias" in line] == [
        "update-alias order-service 1 AdditionalVersionWeights={2=0.01}",
        "update-alias order-service 2 AdditionalVersionWeights={}",
    ]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_alarm_at_any_step_takes_all_calls_back(cloud: Cloud, package: Path, step: int) -> None:
    cloud.change(after=[{"command": "lambda update-alias", "nth": step, "alarm": ON}])
    done = deploy(cloud, package)
    assert (done.status, all_as_before(cloud)) == (1, True)
    assert f"{ON} went on" in done.err
    assert "what ran before runs again" in done.err
    assert "update-function-code order-service-calls" not in changes(cloud)


UNFORESEEN = {"level": "error", "message": "unforeseen failure", "traceId": "4bf92f35", "error": "KeyError: 'ann@x.y'"}
REFUSED = {"level": "warning", "message": "request failed", "status": 503, "code": "unavailable", "traceId": "4bf92f35"}


def logged(version: str, line: object, function: str = "order-service", command: str = "lambda update-alias") -> Any:
    return {"command": command, "nth": 1, "function": function, "version": version, "line": json.dumps(line)}


@pytest.mark.parametrize(("line", "says"), [(UNFORESEEN, "unforeseen failure, error"), (REFUSED, "unavailable")])
def test_a_version_that_answers_with_5xx_is_taken_back_though_no_alarm_counts_it(
    cloud: Cloud, package: Path, line: object, says: str
) -> None:
    cloud.change(after=[logged("2", line)])
    done = deploy(cloud, package)
    assert (done.status, all_as_before(cloud)) == (1, True)
    assert "order-service, version 2, fails: " in done.err
    assert f"{says}, trace 4bf92f35 (1 such lines in its log)" in done.err
    assert "ann@x.y" not in done.err, "who reads the log of a workflow may not be who reads the shop's"


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("1", UNFORESEEN),  # it is the old one that fails
        ("2", {"level": "info", "message": "order placed"}),
        ("2", {"level": "warning", "message": "order overdue", "status": "PENDING"}),
        ("2", {"level": "info", "status": True}),
        ("2", ["no object"]),
    ],
)
def test_what_tells_of_no_failure_of_the_new_version_stops_nothing(
    cloud: Cloud, package: Path, version: str, line: object
) -> None:
    cloud.change(after=[logged(version, line), logged("2", "START RequestId") | {"line": "START RequestId: no JSON"}])
    assert deploy(cloud, package).status == 0


def test_a_function_without_versions_that_logs_an_error_gets_its_code_back(cloud: Cloud, package: Path) -> None:
    event = logged("$LATEST", UNFORESEEN, "order-service-events", "lambda wait function-updated-v2")
    cloud.change(after=[event | {"nth": 3}])
    done = deploy(cloud, package)
    assert (done.status, all_as_before(cloud)) == (1, True)
    assert "order-service-events, version $LATEST, fails" in done.err


def test_an_error_from_before_the_deployment_stops_nothing(cloud: Cloud, package: Path) -> None:
    stream = "2026/11/24/[$LATEST]0123456789abcdef"
    line = {"timestamp": 1_000, "logStreamName": stream, "message": json.dumps(UNFORESEEN)}
    cloud.change(logs={"order-service-events": [line]})
    assert deploy(cloud, package).status == 0


def test_nothing_begins_where_a_log_cannot_be_read(cloud: Cloud, package: Path) -> None:
    cloud.change(after=[{"command": "logs filter-log-events", "nth": 3, "refusal": "AccessDeniedException"}])
    done = deploy(cloud, package)
    assert (done.status, changes(cloud)) == (1, [])
    assert "aws logs filter-log-events: An error occurred: AccessDeniedException" in done.err


@pytest.mark.parametrize("nth", [2, 3])
def test_an_alarm_after_a_function_without_versions_takes_everything_back(
    cloud: Cloud, package: Path, nth: int
) -> None:
    cloud.change(after=[{"command": "lambda update-function-code", "nth": nth, "alarm": ON}])
    assert deploy(cloud, package).status == 1
    assert all_as_before(cloud)
    assert changes(cloud)[-1] == "update-alias order-service 1 AdditionalVersionWeights={}"


@pytest.mark.parametrize(
    ("command", "nth"),
    [
        ("lambda publish-version", 1),
        ("lambda wait published-version-active", 1),
        ("lambda update-alias", 1),
        ("lambda update-alias", 3),
        ("lambda get-function --function-name order-service-events", 1),
        ("lambda update-function-code", 3),
        ("cloudwatch describe-alarms", 4),
    ],
)
def test_what_aws_refuses_leaves_what_ran_before(cloud: Cloud, package: Path, command: str, nth: int) -> None:
    cloud.change(after=[{"command": command, "nth": nth, "refusal": "TooManyRequestsException: slow down"}])
    done = deploy(cloud, package)
    assert (done.status, all_as_before(cloud)) == (1, True)
    assert "TooManyRequestsException: slow down" in done.err


def test_what_does_not_go_back_is_said_and_the_rest_goes(cloud: Cloud, package: Path) -> None:
    cloud.change(
        after=[
            {"command": "lambda update-function-code", "nth": 3, "alarm": ON},
            {"command": "lambda update-function-code", "nth": 4, "refusal": "AccessDenied"},
        ]
    )
    done = deploy(cloud, package)
    state = cloud.read()
    assert done.status == 1
    assert "NOT BACK: order-service-events" in done.err
    assert "what ran before runs again" not in done.err
    assert code_of(state, "order-service-calls") == OLD
    assert state["functions"]["order-service"]["alias"] == {"FunctionVersion": "1"}


def test_nothing_begins_while_an_alarm_is_on(cloud: Cloud, package: Path) -> None:
    cloud.change(alarms=cloud.read()["alarms"] | {ON: "ALARM"})
    done = deploy(cloud, package)
    assert (done.status, changes(cloud)) == (1, [])
    assert f"{ON} is on already" in done.err


def test_nothing_begins_without_the_alarms(cloud: Cloud, package: Path) -> None:
    done = deploy(cloud, package, "--project", "bazaar")
    assert (done.status, changes(cloud)) == (1, [])
    assert "there is no alarm bazaar-order-service-errors" in done.err


def test_the_same_code_again_changes_nothing(cloud: Cloud, package: Path) -> None:
    deploy(cloud, package)
    before = len(changes(cloud))
    assert deploy(cloud, package).status == 0
    assert len(changes(cloud)) == before


def test_a_deployment_that_was_killed_half_way_is_finished_by_the_next(cloud: Cloud, package: Path) -> None:
    state = cloud.read()
    state["functions"]["order-service"]["versions"]["2"] = state["functions"]["order-service"]["code"]
    half = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    state["functions"]["order-service"]["alias"] = half
    cloud.write(state)
    assert deploy(cloud, package).status == 0
    assert cloud.read()["functions"]["order-service"]["alias"] == {"FunctionVersion": "3"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_cancels_it_gets_back_what_ran_before(cloud: Cloud, package: Path, number: signal.Signals) -> None:
    command = [SCRIPTS / "deploy_lambda.py", "--package", package, "--release", "c0ffee", *NAMES, "--watch-s", "60"]
    running = subprocess.Popen(command, env=cloud.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert running.stdout is not None
        while b"10 %" not in running.stdout.readline():
            assert running.poll() is None
        running.send_signal(number)
        running.wait(20)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 1
    assert all_as_before(cloud)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--sha256", "00"], f"has the hash {hashlib.sha256(NEW).hexdigest()}, and not 00"),
        (["--steps", "50,10,100"], "per cents grow from 1 on, and the last is 100"),
        (["--steps", "10,50"], "per cents grow from 1 on, and the last is 100"),
        (["--steps", "0,100"], "per cents grow from 1 on, and the last is 100"),
        (["--steps", "half,100"], "invalid"),
        (["--poll-s", "-1"], "-1 is no number of seconds from 0 on"),
        (["--watch-s", "nan"], "nan is no number of seconds from 0 on"),
        (["--watch-s", "soon"], "invalid"),
        (["--package", "no/such.zip"], "no/such.zip: No such file or directory"),
    ],
)
def test_wrong_arguments(cloud: Cloud, package: Path, arguments: list[str], says: str) -> None:
    done = deploy(cloud, package, *arguments)
    assert (done.status, changes(cloud)) == (2, [])
    assert says in done.err


def test_no_function_is_named(cloud: Cloud, package: Path) -> None:
    done = cloud.run_here("deploy_lambda.py", "--package", str(package), "--release", "c0ffee")
    assert done.status == 2
    assert "name a function" in done.err
