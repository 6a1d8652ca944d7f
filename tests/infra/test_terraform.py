"""Terraform's modules: their form, their own tests, what checkov says of them, and the whole shop made on an emulator
of AWS and removed again. `make test-infra` installs what this needs."""

import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.storage.dynamodb.schema import Table
from souk_topologies.shop import manifests
from tests.infra import example
from tests.infra.emulator import ask, emulator, left
from tests.infra.terraform import PARALLELISM, SOURCES, Terraform

ROOT = Path(__file__).resolve().parents[2]
CHECKOV = ROOT / "build/checkov/bin/checkov"
EMULATOR_PAGE = ROOT / "docs/reference/emulator.md"
LOCAL = "environments/local"
MOST_EXCEPTIONS = 20
"""Checks of checkov that the sources except, each with its reason. May only shrink."""


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    try:
        return Terraform(tmp_path_factory.mktemp("terraform"))
    except RuntimeError as missing:
        pytest.fail(str(missing))


def test_sources_have_terraforms_own_form(terraform: Terraform) -> None:
    assert terraform.run(".", "fmt", "-check", "-recursive", "-diff") == ""


@pytest.mark.parametrize("module", ["environments/aws", LOCAL, "bootstrap"])
def test_each_root_module_is_valid(terraform: Terraform, module: str) -> None:
    terraform.init(module)
    assert "The configuration is valid" in terraform.run(module, "validate", "-no-color")


def test_the_modules_own_tests_pass(terraform: Terraform) -> None:
    terraform.init("modules/shop")
    said = terraform.run("modules/shop", "test", "-no-color")
    assert re.search(r"Success! \d\d passed, 0 failed\.", said), said[-2000:]


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
    report = checkov(terraform.folder / "terraform")
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


def tables(service: str) -> tuple[Table, ...]:
    declared = importlib.import_module(f"souk_{service}.tables")
    return (*declared.TABLES, *getattr(declared, "SANDBOX_TABLES", ()))


def test_the_example_says_what_the_manifests_say() -> None:
    inputs = json.loads(example.INPUTS.read_text())["services"]
    assert {name: set(service["queues"]) for name, service in inputs.items()} == {
        name: {service.queue(event) for event in service.consumes} for name, service in manifests().items()
    }
    assert {name: set(service["tables"]) for name, service in inputs.items()} == {
        name: {table.name for table in tables(name)} for name in manifests()
    }
    assert {name: set(service["publishes"]) for name, service in inputs.items()} == {
        name: {event.topic() for event in service.publishes} for name, service in manifests().items()
    }


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with emulator(tmp_path_factory.mktemp("emulator")) as url:
        yield url


def known_faults() -> set[tuple[str, str]]:
    """(type, attribute) of each change that docs/reference/emulator.md says a second plan shows."""
    rows = re.findall(r"^\| `(aws_\w+)` \| ([^|]+) \|", EMULATOR_PAGE.read_text(), re.MULTILINE)
    return {(kind, attribute) for kind, attributes in rows for attribute in re.findall(r"`(\w+)`", attributes)}


def answer(url: str, path: str, **headers: str) -> dict[str, Any]:
    """What the API on the emulator answers."""
    server, slash, api = url.removeprefix("http://").partition("/")
    body: dict[str, Any] = json.loads(ask(f"http://{server}", slash + api + path, headers))
    return body


def test_a_shop_is_made_answers_stays_and_goes(terraform: Terraform, emulated: str, tmp_path: Path) -> None:
    terraform.init(LOCAL)
    example.write(tmp_path / "shop")
    shop = str(tmp_path / "shop")
    variables = {"endpoint": emulated, "inputs_dir": shop, "packages_dir": shop}
    at_once = f"-parallelism={PARALLELISM}"
    stood = left(emulated)
    terraform.run(LOCAL, "apply", "-auto-approve", "-no-color", at_once, **variables)
    try:
        made = json.loads(terraform.run(LOCAL, "output", "-json"))
        url = made["url"]["value"]
        assert answer(url, "/orders/1", Authorization="Bearer x") == {
            "name": "order-service",
            "version": "1",
            "who": "Bearer x",
        }
        assert answer(url, "/orders/1")["who"] == "nobody", "the authorizer answers for who has no token"
        assert answer(url, "/products/1") == {"name": "product-service", "version": "1", "who": None}
        assert answer(url, "/ready")["name"] == "gateway", "what no route names is the gateway's"
        assert set(terraform.changes(LOCAL, **variables)) == known_faults()
    finally:
        terraform.run(LOCAL, "destroy", "-auto-approve", "-no-color", at_once, **variables)
    assert left(emulated) == stood
