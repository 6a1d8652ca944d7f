"""Each package holds its own service and what that needs, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from souk_topologies.packages import MAX_PACKAGE_BYTES
from souk_topologies.shop import SERVICES
from topologies.tests.packages.building import souk

NAMES = [*SERVICES, "edge"]
BASE = {"_cffi_backend", "cryptography", "jwt", "msgspec", "souk_chassis", "souk_contracts"}
"""What every service's package holds besides its own."""
BELOW_3_13 = {"typing_extensions"}
HTTP_CLIENT = {"aiohappyeyeballs", "aiohttp", "aiosignal", "attr", "attrs", "frozenlist", "idna", "multidict"}
OWN = {
    "users": {"argon2", "_argon2_cffi_bindings"},
    "payments": {"propcache", "yarl", *HTTP_CLIENT},
    "notifications": {"aiosmtplib"},
}
"""What a service's package holds besides that and the service, where it needs more."""
NOT_THERE = ("/tests/", "/testing/", "/migrations/", ".dist-info/", ".sql", ".pyi", "postgres", "/asgi.", "/memory.")
ONLY_ELSEWHERE = {"asyncpg", "botocore", "boto3", "httptools", "starlette", "uvicorn", "uvloop", "pycparser", "cffi"}


def paths_in(package: Path) -> list[str]:
    with ZipFile(package) as zipped:
        return zipped.namelist()


def tops(package: Path) -> set[str]:
    return {path.split("/")[0].split(".")[0] for path in paths_in(package)} - {"__pycache__"}


def test_there_is_one_a_service_and_one_for_the_edge(packages: Mapping[str, Path]) -> None:
    assert sorted(packages) == sorted(NAMES)


@pytest.mark.parametrize("name", SERVICES)
def test_a_package_holds_its_own_service_and_what_that_needs(packages: Mapping[str, Path], name: str) -> None:
    assert tops(packages[name]) - BELOW_3_13 == BASE | {f"souk_{name}"} | OWN.get(name, set())


def test_the_edge_holds_the_document_and_the_pages_and_no_service(packages: Mapping[str, Path]) -> None:
    assert tops(packages["edge"]) - BELOW_3_13 == BASE - {"souk_contracts"} | {"openapi", "pages"}
    with ZipFile(packages["edge"]) as zipped:
        assert zipped.read("openapi.json").decode() == souk("render", "openapi").stdout


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_there_that_a_function_does_not_run(packages: Mapping[str, Path], name: str) -> None:
    assert [path for path in paths_in(packages[name]) if any(part in f"/{path}" for part in NOT_THERE)] == []
    assert tops(packages[name]).isdisjoint(ONLY_ELSEWHERE)


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_small(packages: Mapping[str, Path], name: str) -> None:
    assert 1_000_000 < packages[name].stat().st_size <= MAX_PACKAGE_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_for_aws_is_never_left_out(packages: Mapping[str, Path], name: str) -> None:
    """What can't be imported is left out without a word: an import too many must not take a whole adapter with it."""
    root = Path(__file__).resolve().parents[3]
    members = [root / "chassis/src", *([root / f"services/{name}/src"] if name != "edge" else [])]
    patterns = ("souk_chassis/aws/*.py", "*/lambda_*.py", "*/storage/dynamodb*.py", "*/storage/dynamodb/*.py")
    wanted = {
        path.relative_to(member).as_posix()
        for member in members
        for pattern in (*patterns, "*/providers/[!s]*.py", "*/providers/stripe*.py", "*/transports/*.py")
        for path in member.glob(pattern)
    }
    assert wanted - set(paths_in(packages[name])) == set()
