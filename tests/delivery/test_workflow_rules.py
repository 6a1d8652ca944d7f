"""What every workflow keeps to: little permission, nothing of strangers in a command, ends, pins that are listed."""

import re
from collections.abc import Iterator

import pytest
import yaml

from tests.delivery.cloud import ROOT
from tests.delivery.steps import WORKFLOWS

PAGE = ROOT / "docs/reference/delivery.md"
MOST_MINUTES = 90
_USES = re.compile(r"^\s*(?:- )?uses: (\S+)(.*)$", re.MULTILINE)
_PIN = re.compile(r"([\w.-]+/[\w./-]+)@([0-9a-f]{40})")
_ROW = re.compile(r"^\| `([\w./-]+)` \| (v[\d.]+) \| `([0-9a-f]{40})` \| (.+) \|$", re.MULTILINE)


def breaches(text: str, page: str) -> Iterator[str]:
    """What a workflow does that none may."""
    workflow = yaml.safe_load(text)
    if workflow.get("permissions") != {}:
        yield "gives permissions to every job"
    for name, job in workflow["jobs"].items():
        yield from _of_job(name, job)
    listed = {(action, commit): version for action, version, commit, _ in _ROW.findall(page)}
    for used, comment in _USES.findall(text):
        if not used.startswith("./"):
            pin = _PIN.fullmatch(used)
            version = re.fullmatch(r" # (v\d+\.\d+\.\d+)", comment)
            if pin is None or version is None:
                yield f"{used}: is not pinned by a commit with its version beside it"
            elif listed.get((pin[1], pin[2])) != version[1]:
                yield f"{used}: is not in the table of pins with {version[1]}"


def _of_job(name, job):
    given = job.get("permissions", {})
    if not given or set(given) - {"contents", "id-token"} or given.get("contents") != "read":
        yield f"{name}: says not what it needs, or needs too much"
    if "uses" in job:
        return
    if not 0 < job.get("timeout-minutes", 0) <= MOST_MINUTES:
        yield f"{name}: may run for hours"
    if given.get("id-token") == "write" and not any("AWS" in step.get("name", "") for step in job["steps"]):
        yield f"{name}: may sign in to AWS, and does not"
    deploys = any("deploy_" in step.get("run", "") for step in job["steps"])
    if deploys and ("environment" not in job or job.get("concurrency", {}).get("cancel-in-progress") is not False):
        yield f"{name}: deploys without an environment, or is broken off by the next"
    for step in job["steps"]:
        if "${{" in step.get("run", ""):
            yield f"{name}: puts an expression into a command"
        if step.get("uses", "").startswith("actions/checkout@") and step["with"]["persist-credentials"] is not False:
            yield f"{name}: leaves its token in the checkout"


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_keeps_to_the_rules(path) -> None:
    assert list(breaches(path.read_text(), PAGE.read_text())) == []


PLANTED = {
    "permissions: {}\n\nenv": ("permissions: write-all\n\nenv", "gives permissions to every job"),
    "timeout-minutes: 30\n    permissions:\n      contents: read\n    steps": (
        "timeout-minutes: 360\n    permissions:\n      contents: read\n    steps",
        "check: may run for hours",
    ),
    "      contents: read\n    outputs:\n      sha256": (
        "      contents: write\n    outputs:\n      sha256",
        "package: says not what it needs, or needs too much",
    ),
    "      contents: read\n    outputs:\n      sha256:": (
        "      contents: read\n      id-token: write\n    outputs:\n      sha256:",
        "package: may sign in to AWS, and does not",
    ),
    "cancel-in-progress: false": (
        "cancel-in-progress: true",
        "deploy-functions: deploys without an environment, or is broken off by the next",
    ),
    'run: .venv/bin/mypy "$FOLDER/src"': (
        "run: .venv/bin/mypy ${{ inputs.folder }}/src",
        "check: puts an expression into a command",
    ),
    "persist-credentials: false\n      - uses: actions/setup-python": (
        "persist-credentials: true\n      - uses: actions/setup-python",
        "check: leaves its token in the checkout",
    ),
    " # v7.4.0": ("", "is not pinned by a commit with its version beside it"),
    "@e1165082ffb1fe366ebaf02d8526e7c4989ea9d2": ("@v7", "is not pinned by a commit with its version beside it"),
    "de0fac2e4500dabe0009e67214ff5f5447ce83dd": ("f" * 40, "is not in the table of pins with v6.0.2"),
    "# v6.0.2": ("# v6.0.3", "is not in the table of pins with v6.0.3"),
}


@pytest.mark.parametrize("right", PLANTED)
def test_each_rule_catches_what_breaks_it(right: str) -> None:
    text = (WORKFLOWS / "service.yml").read_text()
    wrong, says = PLANTED[right]
    assert right in text
    assert [breach for breach in breaches(text.replace(right, wrong, 1), PAGE.read_text()) if says in breach]


def test_the_table_lists_what_is_used_and_nothing_else() -> None:
    used = {
        (pin[1], pin[2])
        for path in WORKFLOWS.glob("*.yml")
        for word, _ in _USES.findall(path.read_text())
        if (pin := _PIN.fullmatch(word))
    }
    rows = _ROW.findall(PAGE.read_text())
    assert {(action, commit) for action, _, commit, _ in rows} == used
    assert [
        source for *_, source in rows if not re.search(r"`[\w.-]+/[\w.-]+` `\.github/workflows/[\w.-]+`", source)
    ] == []
