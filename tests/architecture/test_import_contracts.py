"""`.importlinter` catches what it forbids: one copy of the sources with a breach of each contract, linted once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, read_tree

_BREACHES = {
    "services/users/src/souk_users/facts.py": (
        "import souk_orders.domain\n",
        "Topologies > services, independent of each other > contracts > chassis",
    ),
    "services/users/src/souk_users/domain.py": (
        "import souk_users.operations\n",
        "Inside a service imports go down, from bootstrap to records",
    ),
    "services/users/src/souk_users/operations.py": (
        "import souk_products.storage.memory\n",
        "A use case knows no storage adapter",
    ),
    "services/orders/src/souk_orders/storage/memory.py": (
        "import souk_orders.operations\n",
        "A storage adapter knows no use case",
    ),
    "services/orders/src/souk_orders/domain.py": (
        "import souk_chassis.clock\n",
        "A domain imports no part of the chassis but its errors",
    ),
    "services/products/src/souk_products/consumers.py": (
        "import asyncpg\n",
        "Database drivers are imported by storage adapters alone",
    ),
    "services/notifications/src/souk_notifications/operations.py": (
        "import souk_chassis.aws.sns\n",
        "AWS is spoken to by adapters, the engine and runtimes alone",
    ),
    "services/payments/src/souk_payments/operations.py": (
        "import starlette.requests\n",
        "Starlette and uvicorn are imported by the edge alone",
    ),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What lint-imports says of each contract, of a copy in which each is broken."""
    copy = tmp_path_factory.mktemp("sources")
    tree = read_tree()
    for path in (".importlinter", *tree.paths("*/src/*.py")):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(tree.files[path])
    for path, (line, _) in _BREACHES.items():
        with (copy / path).open("a") as file:
            file.write(f"\n{line}")
    return _lint(copy)


def _lint(copy: Path) -> dict[str, str]:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program is not None
    sources = sorted(str(folder) for folder in (*copy.glob("*/src"), *copy.glob("services/*/src")))
    run = subprocess.run(
        [program, "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("name", [name for _, name in _BREACHES.values()])
def test_a_planted_import_is_caught(name: str, verdicts: dict[str, str]) -> None:
    assert verdicts[name] == "BROKEN"


def test_an_import_is_planted_for_each_contract() -> None:
    named = re.findall(r"^name = (.+)$", (ROOT / ".importlinter").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(name for _, name in _BREACHES.values())
