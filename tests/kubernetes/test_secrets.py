"""The secrets of a cluster of one's own: each part gets what it asks for, and nobody else's."""

import json
import re
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from souk_chassis.auth.keys import PublicKeys
from souk_chassis.manifest import DYNAMODB
from souk_topologies.cli.main import souk
from souk_topologies.containers import Place, clustered, secret_names, subscribers
from souk_topologies.shop import manifests
from tests.kubernetes.objects import SOURCES, read

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, data_dir: Path) -> dict[str, str]:
    options = ["render", "kubernetes", "--secrets", str(folder), "--data-dir", str(data_dir)]
    done = CliRunner().invoke(souk, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


CLUSTERED = clustered(manifests().values())
NONE_CONTAINED = [
    (["terraform", "--secrets", "folder", "--database-host", "db"], "no service is in containers")
    for _ in range(all(DYNAMODB in service.stores for service in CLUSTERED))
]
"""Where no service has to be in containers."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("secrets")
    return write(folder / "secrets", folder / "data")


def test_the_files_are_those_that_the_kustomization_names(made: dict[str, str]) -> None:
    [kustomization] = read((SOURCES / "overlays/kind/secrets/kustomization.yaml").read_text())
    generators = [*kustomization["secretGenerator"], *kustomization["configMapGenerator"]]
    assert {entry.partition("=")[2] for each in generators for entry in each["files"]} == made.keys()


def test_a_service_enters_its_own_database_and_the_bus_its_subscribers(made: dict[str, str]) -> None:
    for service in CLUSTERED:
        own = urlsplit(made[f"{service.label}/DATABASE_URL"])
        assert (own.username, own.hostname, own.port, own.path) == (
            f"souk_{service.name}",
            "postgres",
            5432,
            f"/souk_{service.name}",
        )
        assert {name.partition("/")[2] for name in made if name.startswith(f"{service.label}/")} == set(
            secret_names(service, Place.CLUSTER)
        )
    bus = json.loads(made["order-service/SOUK_BUS_URLS"])
    assert bus.keys() == set(subscribers(manifests()["orders"], list(manifests().values())))
    assert bus.keys() >= {"notifications", "payments", "products"}
    assert {urlsplit(url).username for url in bus.values()} == {"souk_bus"}
    assert json.loads(made["notification-service/SOUK_BUS_URLS"]) == {}


def test_provision_gives_the_roles_the_passwords_that_services_have(made: dict[str, str]) -> None:
    passwords = json.loads(made["provision/SOUK_PASSWORDS"])
    assert passwords.keys() == {"souk_bus", *(f"souk_{service.name}" for service in CLUSTERED)}
    for service in CLUSTERED:
        assert urlsplit(made[f"{service.label}/DATABASE_URL"]).password == passwords[f"souk_{service.name}"]
    admin = urlsplit(made["provision/SOUK_ADMIN_URL"])
    assert (admin.username, admin.password) == ("postgres", made["postgres/POSTGRES_PASSWORD"])


def test_keys_are_of_the_issuers_that_the_jwks_names(made: dict[str, str]) -> None:
    PublicKeys.from_jwks(json.loads(made["keys/SOUK_JWKS"]))
    keys = {made[name] for name in made if name.endswith("/SOUK_KEY")}
    assert len(keys) == sum("SOUK_KEY" in secret_names(service, Place.CLUSTER) for service in CLUSTERED)


def test_a_repeat_gives_the_same_and_nobody_else_reads_it(tmp_path: Path) -> None:
    first = write(tmp_path / "a", tmp_path / "data")
    assert write(tmp_path / "b", tmp_path / "data") == first
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_git_ignores_what_the_how_to_makes() -> None:
    told = (ROOT / "docs/how-to/run-on-kubernetes.md").read_text()
    made = {*re.findall(r"--data-dir ([\w./-]+)", told), *re.findall(r"--secrets ([\w./-]+)", told)}
    secrets = [f"{folder}/keys/SOUK_JWKS" for folder in (*made, "deploy/overlays/kind/secrets")]
    done = subprocess.run(["git", "check-ignore", *secrets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert sorted(done.stdout.splitlines()) == sorted(secrets)
    assert len(secrets) == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["openapi", "--secrets", "folder"], "--secrets goes with kubernetes or terraform"),
        (["terraform", "--secrets", "folder"], "--database-host goes with --secrets for terraform"),
        (
            ["kubernetes", "--secrets", "folder", "--database-host", "db"],
            "--database-host goes with --secrets for terraform",
        ),
        *NONE_CONTAINED,
        (["kubernetes", "--runtime", "orders=fargate"], "orders runs on one of lambda, ecs, eks"),
        (["kubernetes", "--runtime", "carts=eks"], "there is no service 'carts'"),
        (["kubernetes", *(f"--runtime={service.name}=ecs" for service in CLUSTERED)], "no service is on eks"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(tmp_path: Path, options: list[str], told: str) -> None:
    done = CliRunner().invoke(souk, ["render", *options, "--data-dir", str(tmp_path)])
    assert done.exit_code == 2
    assert told in done.output


def test_printed_files_are_those_that_are_written(tmp_path: Path) -> None:
    runner = CliRunner()
    printed = runner.invoke(souk, ["render", "kubernetes", "--data-dir", str(tmp_path)], catch_exceptions=False).output
    out = tmp_path / "out"
    runner.invoke(
        souk, ["render", "kubernetes", "--out", str(out), "--data-dir", str(tmp_path)], catch_exceptions=False
    )
    files = sorted(out.rglob("*.yaml"))
    assert len(files) > 10
    for path in files:
        assert f"# {path.relative_to(out).as_posix()}\n{path.read_text()}" in printed
