"""Plays the few commands of `aws` that the deployment scripts give, on a file: what is deployed, and what was asked.

`after` in the state says what happens once a command that begins with these words was given for the nth time: an alarm
goes on, a function logs a line, a service's rollout fails, or the command itself fails.
"""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path


class RefusedError(Exception):
    """What AWS would answer with an error."""


def options(words):
    """`--name value value` as a mapping; a switch has no value."""
    found, name = {}, None
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            found[name] = []
        else:
            found[name].append(word)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def code_of(function, qualifier=None):
    data = base64.b64decode(function["versions"][qualifier] if qualifier else function["code"])
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def on_lambda(state, action, given):
    function = state["functions"][given["function-name"]]
    if action == "get-alias":
        return function["alias"]
    if action == "get-function-configuration":
        return {"CodeSha256": code_of(function, given.get("qualifier"))}
    if action == "get-function":
        kept = Path(state["folder"], f"{given['function-name']}-{code_of(function)[:4].replace('/', '_')}.code")
        kept.write_bytes(base64.b64decode(function["code"]))
        return {"Code": {"Location": kept.as_uri()}}
    if action == "update-function-code":
        function["code"] = base64.b64encode(Path(given["zip-file"].removeprefix("fileb://")).read_bytes()).decode()
        return {"CodeSha256": code_of(function)}
    if action == "publish-version":
        if given["code-sha256"] != code_of(function):
            raise RefusedError("CodeSHA256 is different from current CodeSHA256")
        version = str(len(function["versions"]) + 1)
        function["versions"][version] = function["code"]
        return {"Version": version, "Description": given["description"]}
    if action == "update-alias":
        name, _, weights = given["routing-config"].partition("=")
        assert name == "AdditionalVersionWeights"
        shared = dict(part.split("=") for part in weights.strip("{}").split(",") if part)
        function["alias"] = {"FunctionVersion": given["function-version"]}
        if shared:
            weighted = {version: float(weight) for version, weight in shared.items()}
            function["alias"]["RoutingConfig"] = {"AdditionalVersionWeights": weighted}
        return function["alias"]
    assert action == "wait"
    return None


def on_cloudwatch(state, action, given):
    assert action == "describe-alarms"
    names = given["alarm-names"]
    asked = [names] if isinstance(names, str) else names
    known = [name for name in asked if name in state["alarms"]]
    return {"MetricAlarms": [{"AlarmName": name, "StateValue": state["alarms"][name]} for name in known]}


def on_logs(state, action, given):
    """All lines since then, as an emulator has them: whoever asks for some looks again himself."""
    assert action == "filter-log-events"
    name = given["log-group-name"].removeprefix("/aws/lambda/")
    if name not in state["functions"]:
        raise RefusedError("ResourceNotFoundException: The specified log group does not exist.")
    since = int(given["start-time"])
    return {"events": [line for line in state["logs"].get(name, []) if line["timestamp"] >= since]}


def on_ecs(state, action, given):
    ecs = state["ecs"]
    if action == "describe-services":
        if ecs.get("late"):
            ecs["late"] -= 1
            return {"services": [ecs["before"]]}
        return {"services": [settle(ecs)] if given["services"] == ecs["service"]["serviceName"] else []}
    if action == "describe-task-definition":
        return {"taskDefinition": ecs["definitions"][-1], "tags": ecs["tags"]}
    if action == "register-task-definition":
        written = json.loads(given["cli-input-json"])
        if "revision" in written or "taskDefinitionArn" in written:
            raise RefusedError("Unknown parameter in input")
        ecs["tags"] = written.pop("tags", [])
        revision = len(ecs["definitions"]) + 1
        made = {**written, "revision": revision, "taskDefinitionArn": f"arn:{written['family']}:{revision}"}
        ecs["definitions"].append(made)
        return {"taskDefinition": made}
    assert action == "update-service"
    service = ecs["service"]
    ecs["before"], ecs["late"] = json.loads(json.dumps(service)), ecs.get("lag", 0)
    service["taskDefinition"] = given["task-definition"]
    for deployment in service["deployments"]:
        deployment["status"] = "ACTIVE"
    service["deployments"].insert(0, rollout(given["task-definition"], "PRIMARY", "IN_PROGRESS", 0))
    return {"service": service}


def rollout(definition, status, state, running):
    return {
        "taskDefinition": definition,
        "status": status,
        "rolloutState": state,
        "desiredCount": 2,
        "runningCount": running,
    }


def settle(ecs):
    """The service as it is now. A rollout under way ends with the next look at it, as `outcome` says."""
    service, shown = ecs["service"], json.loads(json.dumps(ecs["service"]))
    primary = service["deployments"][0]
    if primary["rolloutState"] != "IN_PROGRESS" or ecs["outcome"] == "hangs":
        return shown
    if ecs["outcome"] == "lives":
        service["deployments"] = [rollout(primary["taskDefinition"], "PRIMARY", "COMPLETED", 2)]
    else:
        old = service["deployments"][1]["taskDefinition"]
        service["events"] = [{"message": "(service order-service) deployment failed: tasks failed to start."}]
        service["deployments"][0] = rollout(primary["taskDefinition"], "ACTIVE", "FAILED", 0)
        service["deployments"][1]["status"] = "PRIMARY"
        service["taskDefinition"] = old
        if ecs["outcome"] == "dies without a breaker":
            service["deployments"][0]["status"], service["deployments"][1]["status"] = "PRIMARY", "ACTIVE"
            service["taskDefinition"] = primary["taskDefinition"]
    return shown


def happen(state, said):
    """What the state says comes after this command."""
    for event in state["after"]:
        if said.startswith(event["command"]):
            event["nth"] -= 1
            if event["nth"] == 0 and "alarm" in event:
                state["alarms"][event["alarm"]] = "ALARM"
            if event["nth"] == 0 and "line" in event:
                stream = f"2026/11/24/[{event['version']}]0123456789abcdef"
                line = {"timestamp": int(time.time() * 1000), "logStreamName": stream, "message": event["line"]}
                state["logs"].setdefault(event["function"], []).append(line)
            if event["nth"] == 0 and "refusal" in event:
                raise RefusedError(event["refusal"])


def answer(kept: Path, words):
    """Status, stdout and stderr of `aws` with these words, on the state that is kept in that file."""
    before = kept.read_text()
    state = json.loads(before)
    said = " ".join(words)
    with kept.with_name("calls").open("a") as calls:
        calls.write(f"{said}\n")
    given = options(words[2:] if words[1] != "wait" else words[3:])
    play = {"lambda": on_lambda, "cloudwatch": on_cloudwatch, "logs": on_logs, "ecs": on_ecs}[words[0]]
    try:
        happen(state, said)
        told = play(state, words[1], given)
    except RefusedError as refusal:
        return 254, "", f"An error occurred: {refusal}"
    finally:
        if json.dumps(state) != before:
            unfinished = kept.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(state))
            unfinished.replace(kept)  # a script that is told to end kills this half way
    return 0, "" if told is None else json.dumps(told), ""


if __name__ == "__main__":
    status, out, err = answer(Path(os.environ["STAND_IN_STATE"]), sys.argv[1:])
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(status)
