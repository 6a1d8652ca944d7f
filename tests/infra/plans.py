"""What a plan would change."""

import json
from typing import Any

from souk_topologies.aws_local.terraform import Terraform


def changes(terraform: Terraform, module: str, **variables: str) -> dict[tuple[str, str], list[str]]:
    """What a plan would change: (type, attribute) to the addresses. Where a thing comes or goes, the attribute is the
    action."""
    terraform.run(module, "plan", "-no-color", "-out=second.plan", **variables)
    plan: dict[str, Any] = json.loads(terraform.run(module, "show", "-json", "second.plan"))
    found: dict[tuple[str, str], list[str]] = {}
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] == ["update"]:
            before, after = change["before"], change["after"]
            what = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        else:
            what = [action for action in change["actions"] if action not in ("no-op", "read")]
        for name in what:
            found.setdefault((resource["type"], name), []).append(resource["address"])
    return found
