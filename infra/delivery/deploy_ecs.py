#!/usr/bin/env python3
"""Deploys an image to a service on ECS, and says so only when the new tasks are what runs.

    deploy_ecs.py --service order-service --image REGISTRY/souk/order-service@sha256:...

The newest revision of the service's task definition, which is Terraform's where something but the image was changed, is
registered again with this image; the service is given it; and this waits until its deployment is complete. ECS's
circuit breaker goes back by itself where new tasks do not live. A service that is stable with the old tasks is then a
failure here.

Exit status: 0 deployed, 1 not, and what ran before runs again; 2 used wrongly.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cli import DeployError, aws, complain, say, seconds

TIMEOUT_S = 900.0
"""How long new tasks may take to replace the old ones, in seconds."""
POLL_S = 10.0
"""Between two looks at the service, in seconds."""
EVENTS = 8
"""How many of the service's own lines are shown when it fails."""
_WRITABLE = (
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes"),
    *("placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode", "proxyConfiguration"),
    *("inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection"),
)
"""Members of a description of a task definition that a registration takes."""
_BY_DIGEST = re.compile(r"[\w.\-/:]+@sha256:[0-9a-f]{64}")


def deploy(cluster: str, service: str, image: str, timeout_s: float, poll_s: float) -> None:
    """Raises DeployError, when what ran before runs again or ECS is on its way there."""
    before = _service(cluster, service)["taskDefinition"]
    new = _register(service, image)
    say(f"{service}: {new} has {image}")
    aws("ecs", "update-service", "--cluster", cluster, "--service", service, "--task-definition", new)
    try:
        _wait(cluster, service, new, timeout_s, poll_s)
    except DeployError:
        _go_back(cluster, service, new, before)
        raise


def _wait(cluster: str, service: str, new: str, timeout_s: float, poll_s: float) -> None:
    """Until the new tasks are all that runs. Raises DeployError where they will not be, or not in time."""
    until = time.monotonic() + timeout_s
    begun = False  # ECS may show for a moment what was before it was told
    while True:
        standing = _service(cluster, service)
        begun = begun or any(each["taskDefinition"] == new for each in standing["deployments"])
        if begun and _is_done(standing, new):
            return
        if time.monotonic() > until:
            raise DeployError(f"{service} was not stable within {timeout_s:g} s")
        time.sleep(poll_s)


def _go_back(cluster: str, service: str, new: str, before: str) -> None:
    """To what ran before, where ECS did not go there by itself."""
    standing = _service(cluster, service)
    for event in reversed(standing.get("events", [])[:EVENTS]):
        say(f"  {event['message']}")
    if standing["taskDefinition"] == new:
        aws("ecs", "update-service", "--cluster", cluster, "--service", service, "--task-definition", before)
    say(f"{service}: goes back to {before}")


def _service(cluster: str, service: str) -> dict[str, Any]:
    found = aws("ecs", "describe-services", "--cluster", cluster, "--services", service)["services"]
    active = [each for each in found if each["status"] == "ACTIVE"]
    if not active:
        raise DeployError(f"there is no service {service} in the cluster {cluster}: Terraform makes it")
    return dict(active[0])


def _register(family: str, image: str) -> str:
    """A new revision of the family with this image: its ARN."""
    found = aws("ecs", "describe-task-definition", "--task-definition", family, "--include", "TAGS")
    written = _with_image(found["taskDefinition"], family, image)
    if found.get("tags"):
        written["tags"] = found["tags"]
    made = aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(written))
    return str(made["taskDefinition"]["taskDefinitionArn"])


def _with_image(definition: Mapping[str, Any], container: str, image: str) -> dict[str, Any]:
    written = {name: definition[name] for name in _WRITABLE if definition.get(name)}
    names = [each["name"] for each in written["containerDefinitions"]]
    if container not in names:
        raise DeployError(f"the task definition has no container {container}, but {', '.join(names)}")
    written["containerDefinitions"] = [
        each | {"image": image} if each["name"] == container else each for each in written["containerDefinitions"]
    ]
    return written


def _is_done(service: Mapping[str, Any], new: str) -> bool:
    """Whether the new tasks are all that runs. Raises DeployError where they will not be."""
    ours = [each for each in service["deployments"] if each["taskDefinition"] == new]
    primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
    if not ours or ours[0].get("rolloutState") == "FAILED" or primary["taskDefinition"] != new:
        raise DeployError(f"the new tasks did not live: {new} is not what {service['serviceName']} runs")
    complete = primary.get("rolloutState", "COMPLETED") == "COMPLETED"
    return complete and len(service["deployments"]) == 1 and primary["runningCount"] == primary["desiredCount"]


def _image(text: str) -> str:
    if not _BY_DIGEST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no image by its digest (repository@sha256:...)")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Deploy, or say why not."""
    parser = argparse.ArgumentParser(description="Deploys an image to a service on ECS.")
    parser.add_argument("--cluster", default="souk")
    parser.add_argument("--service", required=True, metavar="LABEL", help="also its task definition's and container's")
    parser.add_argument("--image", required=True, type=_image, metavar="IMAGE@DIGEST")
    parser.add_argument("--timeout-s", type=seconds, default=TIMEOUT_S, metavar="SECONDS")
    parser.add_argument("--poll-s", type=seconds, default=POLL_S, metavar="SECONDS")
    given = parser.parse_args(arguments)
    try:
        deploy(given.cluster, given.service, given.image, given.timeout_s, given.poll_s)
    except DeployError as error:
        complain(str(error))
        return 1
    say(f"{given.service}: runs {given.image}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
