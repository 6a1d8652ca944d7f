"""The API's document as a public linter sees it: Redocly's, which works offline. `make test-infra` installs it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.topology.running import souk

ROOT = Path(__file__).resolve().parents[2]
REDOCLY = ROOT / "build/redocly/node_modules/.bin/redocly"
RULES = Path(__file__).with_name("redocly.yaml")
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def lint(document: Path) -> dict[str, int]:
    """How many errors and warnings there are."""
    command = [str(REDOCLY), "lint", str(document), "--config", str(RULES), "--format", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=dict(os.environ) | QUIET, check=False
    )
    found: dict[str, int] = json.loads(done.stdout)["totals"]
    return {name: found[name] for name in ("errors", "warnings")}


@pytest.mark.parametrize(
    "options", [(), ("--runtime", "orders=ecs"), ("--runtime", "orders=eks", "--runtime", "users=ecs")]
)
def test_it_finds_nothing(options: tuple[str, ...], tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(souk("render", "openapi", *options).out)
    assert lint(document) == {"errors": 0, "warnings": 0}


def test_it_finds_what_is_wrong(tmp_path: Path) -> None:
    content = json.loads(souk("render", "openapi").out)
    content["paths"]["/orders"]["post"]["operationId"] = "get_order"
    del content["paths"]["/orders"]["get"]["responses"]
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(content))
    assert lint(document)["errors"] >= 2
