"""Terraform's modules: their form, their own tests, what checkov says of them, and that a second plan for the shop that
stands on the emulator changes nothing. (That removing it leaves nothing, `emulated_shop` sees to.)"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.config import ConfigError
from souk_topologies.aws_local.terraform import LOCAL, SOURCES, Terraform
from tests.infra.plans import changes
from tests.infra.shop import EmulatedShop
from tests.infra.standing import ask

ROOT = Path(__file__).resolve().parents[2]
CHECKOV = ROOT / "build/checkov/bin/checkov"
EMULATOR_PAGE = ROOT / "docs/reference/emulator.md"
OWN_TESTS = [
    pytest.param(path.name, marks=pytest.mark.xdist_group(path.name))
    for path in sorted((SOURCES / "modules/shop/tests").glob("*.tftest.hcl"))
]
"""One command each: all in one took longer than a command may, where the machine had other work."""
MOST_EXCEPTIONS = 29
"""Checks of checkov that the sources except, each with its reason. May only shrink."""


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    try:
        return Terraform(tmp_path_factory.mktemp("terraform"))
    except ConfigError as missing:
        pytest.fail(str(missing))


def test_sources_have_terraforms_own_form(terraform: Terraform) -> None:
    assert terraform.run(".", "fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.parametrize("module", ["environments/aws", LOCAL, "bootstrap", "delivery"])
def test_each_root_module_is_valid(terraform: Terraform, module: str) -> None:
    terraform.init(module)
    assert "The configuration is valid" in terraform.run(module, "validate", "-no-color")


@pytest.fixture(scope="module")
def ready(terraform: Terraform) -> Terraform:
    """With the module of the whole shop made ready."""
    terraform.init("modules/shop")
    return terraform


@pytest.mark.parametrize("name", OWN_TESTS)
def test_the_modules_own_tests_pass(ready: Terraform, name: str) -> None:
    said = ready.run("modules/shop", "test", "-no-color", f"-filter=tests/{name}")
    assert re.search(r"Success! [1-9]\d* passed, 0 failed\.", said), said[-2000:]


def test_the_deployers_own_tests_pass(terraform: Terraform) -> None:
    terraform.init("modules/deployer")
    assert "Success! 9 passed, 0 failed." in terraform.run("modules/deployer", "test", "-no-color")


def checkov(folder: Path) -> dict[str, Any]:
    """What checkov finds in a folder, asking no network."""
    command = Path(os.environ.get("SOUK_CHECKOV", CHECKOV))
    if not command.exists():
        pytest.fail(f"There is no {command}: run `make test-infra`, or name checkov by SOUK_CHECKOV.")
    options = ["--framework", "terraform", "--skip-download", "--quiet", "--output", "json"]
    done = subprocess.run([command, "-d", folder, *options], capture_output=True, text=True, timeout=300, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_checkov_finds_nothing(terraform: Terraform) -> None:
    report = checkov(terraform.sources)
    failed = [f"{check['check_id']} {check['resource']}" for check in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 80


def test_checkov_catches_a_planted_fault(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('resource "aws_sqs_queue" "planted" {\n  name = "in-the-clear"\n}\n')
    assert [check["check_id"] for check in checkov(tmp_path)["results"]["failed_checks"]] == ["CKV_AWS_27"]


def test_exceptions_are_few_and_each_has_its_reason() -> None:
    lines = [
        (path.name, line.strip())
        for path in SOURCES.rglob("*.tf")
        for line in path.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert [line for line in lines if not re.fullmatch(r"# checkov:skip=CKV2?_AWS_\d+:.{20,}\.", line[1])] == []
    assert len(lines) <= MOST_EXCEPTIONS


def known_faults() -> set[tuple[str, str]]:
    """(type, attribute) of each change that docs/reference/emulator.md says a second plan shows."""
    rows = re.findall(r"^\| `(aws_\w+)` \| ([^|]+) \|", EMULATOR_PAGE.read_text(), re.MULTILINE)
    return {(kind, attribute) for kind, attributes in rows for attribute in re.findall(r"`(\w+)`", attributes)}


def test_a_second_plan_changes_what_the_emulator_forgets_and_nothing_else(emulated_shop: EmulatedShop) -> None:
    assert set(changes(emulated_shop.terraform, LOCAL, **emulated_shop.made.variables)) == known_faults()


def test_the_shop_is_ready(emulated_shop: EmulatedShop) -> None:
    path = f"{emulated_shop.api.removeprefix(emulated_shop.endpoint)}/ready"
    assert json.loads(ask(emulated_shop.endpoint, path, {})) == {"status": "ready", "missing": {}}
