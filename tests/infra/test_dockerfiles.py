"""What hadolint (https://github.com/hadolint/hadolint) finds in our Dockerfiles: nothing. tests/images has rules of our
own, and tries what the Dockerfiles make.

`make test-infra-tools` installs it. SOUK_HADOLINT names another.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted([*ROOT.glob("services/*/Dockerfile"), *ROOT.glob("*/Dockerfile")])


@pytest.fixture(scope="module")
def hadolint() -> Path:
    program = Path(os.environ.get("SOUK_HADOLINT", ROOT / "build/hadolint/bin/hadolint"))
    if not program.exists():
        pytest.fail(f"{program} is not there: run `make test-infra-tools`, or name another by SOUK_HADOLINT.")
    return program


def findings(hadolint: Path, dockerfile: Path) -> tuple[int, str]:
    done = subprocess.run([hadolint, "--no-color", dockerfile], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_has_no_findings(hadolint: Path, dockerfile: Path) -> None:
    assert findings(hadolint, dockerfile) == (0, "")


def test_a_planted_fault_is_found(hadolint: Path, tmp_path: Path) -> None:
    planted = tmp_path / "Dockerfile"
    planted.write_text((ROOT / "services/orders/Dockerfile").read_text().replace("WORKDIR /build", "RUN cd build"))
    status, told = findings(hadolint, planted)
    assert (status, "DL3003" in told) == (1, True)
