"""The workflows in .github are those that the manifests and the members' needs make."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from souk_chassis.manifest import Service
from souk_topologies.cli.packaging import CHECKOUT
from souk_topologies.packages import PACKAGES
from souk_topologies.shop import SERVICES, manifests
from souk_topologies.workflows import BUILDERS, FOLDER, Delivered, of_gateway, of_service, read_members, workflows

BY_HAND = {"service.yml", "pull-request.yml"}
"""Workflows that follow from nothing."""


def differences(root: Path, services: list[Service]) -> list[str]:
    """Names of files that are not as they are made, or that nobody makes."""
    made = workflows(root, services)
    standing = {path.name: path.read_text() for path in (root / FOLDER).iterdir() if path.name not in BY_HAND}
    return sorted(name for name in {*made, *standing} if made.get(name) != standing.get(name))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with the workflows, and with what says who needs what."""
    shutil.copytree(CHECKOUT / FOLDER, tmp_path / FOLDER)
    for path in (
        CHECKOUT / "pyproject.toml",
        *(each.folder / "pyproject.toml" for each in read_members(CHECKOUT).values()),
    ):
        target = tmp_path / path.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def test_the_files_are_what_is_made() -> None:
    assert differences(CHECKOUT, list(manifests().values())) == []


def test_where_the_gateway_runs_is_nobodys_to_say() -> None:
    """On AWS it is a function: a variable for it could only lead to a service on ECS that nobody makes."""
    assert of_gateway(CHECKOUT, read_members(CHECKOUT)).runtime == "lambda"


def test_a_changed_file_is_caught(copy: Path) -> None:
    file = copy / FOLDER / "order-service.yml"
    file.write_text(file.read_text().replace("      - contracts/**\n", ""))
    assert differences(copy, list(manifests().values())) == ["order-service.yml"]


def test_a_missing_file_and_one_too_many_are_caught(copy: Path) -> None:
    (copy / FOLDER / "user-service.yml").rename(copy / FOLDER / "basket-service.yml")
    assert differences(copy, list(manifests().values())) == ["basket-service.yml", "user-service.yml"]


def test_a_new_need_of_a_member_is_caught(copy: Path) -> None:
    file = copy / "services/orders/pyproject.toml"
    file.write_text(file.read_text().replace('"souk-contracts",', '"souk-contracts", "souk-products",'))
    assert differences(copy, list(manifests().values())) == ["order-service.yml"]


def test_a_new_function_of_a_service_is_caught() -> None:
    """Payments are called by nobody: with somebody who calls them they have one function more."""
    services = [
        replace(service, implements=manifests()["users"].implements) if service.name == "payments" else service
        for service in manifests().values()
    ]
    assert next(each for each in services if each.name == "payments").is_called
    assert differences(CHECKOUT, services) == ["payment-service.yml"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_started_by_what_it_is_made_of_alone(name: str) -> None:
    delivered = of_service(manifests()[name], CHECKOUT, read_members(CHECKOUT))
    folders = {path for path in delivered.paths if path.startswith(("chassis", "contracts", "services"))}
    assert folders == {"chassis/**", "contracts/**", f"services/{name}/**"}


def test_the_gateway_is_started_by_the_pages_and_by_every_manifest() -> None:
    paths = of_gateway(CHECKOUT, read_members(CHECKOUT)).paths
    assert {f"services/{name}/**" for name in SERVICES} | {"web/**", "topologies/**"} <= set(paths)


def test_every_path_is_there() -> None:
    """A path that was renamed would start nothing, and say nothing."""
    for name, text in workflows(CHECKOUT, list(manifests().values())).items():
        paths = [line.removeprefix("      - ") for line in text.splitlines() if line.startswith("      - ")]
        assert paths[-1] == '"!**/*.md"', name
        assert [path for path in paths[:-1] if not (CHECKOUT / path.removesuffix("/**")).exists()] == [], name


def unwatched(delivered: Delivered, recipe: str) -> list[str]:
    """What the recipe of an image copies from the checkout and does not start its workflow."""
    paths = [path.removesuffix("/**") for path in (*delivered.paths, *BUILDERS)]

    def starts(copied: Path) -> bool:
        return any(copied.is_relative_to(CHECKOUT / path) for path in paths)

    copies = [line.split()[1:-1] for line in recipe.splitlines() if line.startswith("COPY ") and "--from" not in line]
    found = []
    for folder in (CHECKOUT / source for sources in copies for source in sources):
        within = [part for part in folder.glob("*/") if part.name != "__pycache__"]
        if not starts(folder) and not (within and all(map(starts, within))):
            found.append(folder.relative_to(CHECKOUT).as_posix())
    return found


def test_all_that_an_image_is_made_of_starts_its_workflow() -> None:
    members = read_members(CHECKOUT)
    services = [of_service(service, CHECKOUT, members) for service in manifests().values()]
    for delivered in (*services, of_gateway(CHECKOUT, members)):
        recipe = (CHECKOUT / delivered.folder / "Dockerfile").read_text()
        assert "COPY " in recipe
        assert unwatched(delivered, recipe) == [], delivered.label
    copies_more = f"{recipe}COPY docs/how-to infra/images /srv/\n"
    assert unwatched(delivered, copies_more) == ["docs/how-to"]
    assert unwatched(services[0], copies_more) == ["topologies", "services", "web", "docs/how-to"]


def test_every_package_is_delivered_by_one_workflow() -> None:
    made = workflows(CHECKOUT, list(manifests().values()))
    packages = [line.split()[1] for text in made.values() for line in text.splitlines() if "      package:" in line]
    assert sorted(packages) == sorted(PACKAGES)
