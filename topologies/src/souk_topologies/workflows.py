"""A workflow of GitHub Actions for each service and the gateway: what starts it, and with what it calls service.yml.

What starts one is what its package or image is made of: the members of the workspace that it needs, as their
`pyproject.toml` say, and what builds and deploys it. So a change starts the workflows of the services that it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from souk_chassis.manifest import DYNAMODB, POSTGRES, Part, Service
from souk_topologies.infrastructure.inputs import AUTHORIZER
from souk_topologies.packages.build import EDGE
from souk_topologies.packages.needs import Member, needs_of, read_members
from souk_topologies.shop import GATEWAY

FOLDER = ".github/workflows"
"""Where GitHub looks for workflows, from the checkout's root."""
CALLED = f"{FOLDER}/service.yml"
"""The workflow that each of these calls: it checks, builds and deploys."""
BUILDERS = (
    *("Makefile", "pyproject.toml", "requirements.lock", ".dockerignore", "infra/images/**", "infra/delivery/**"),
    CALLED,
)
"""What builds and deploys every service, and with which versions."""
OBJECTS = "infra/kubernetes/base"
"""Kubernetes' objects of each service, which a deployment to a cluster applies."""
PACKAGERS = ("topologies/src/souk_topologies/packages/**",)
"""What builds the packages of functions besides."""
PAGES = "web/**"
"""The pages, which the gateway serves."""

_TEXT = """\
# Written by `souk render workflows --out .github/workflows`: change topologies/src/souk_topologies/workflows.py.
name: {label}

on:
  push:
    branches: [main]
    paths:
{paths}
  workflow_dispatch:

permissions: {{}}

jobs:
  deliver:
    permissions:
      contents: read
      id-token: write # for the roles in AWS and the image's signature: service.yml gives it to the jobs that need it
    uses: ./{called}
    with:
      label: {label}
      folder: {folder}
      package: {package}
      runtime: {runtime}
      aliased: {aliased}
      plain: {plain}
{more}"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is delivered for itself: its label, its folder, where it runs, and its functions by how they are called."""

    label: str
    folder: str
    package: str
    paths: Sequence[str]
    aliased: Sequence[str]
    plain: Sequence[str]
    runtime: str
    """`lambda`, or the expression of GitHub that says it."""
    more: str = ""
    """Inputs besides, as lines of the workflow."""


def workflows(root: Path, services: Sequence[Service]) -> Mapping[str, str]:
    """The text of each workflow by its file name. `root` is a checkout. Raises PackageError where it is none."""
    members = read_members(root)
    delivered = [*(of_service(service, root, members) for service in services), of_gateway(root, members)]
    return {f"{each.label}.yml": workflow(each) for each in delivered}


def of_service(service: Service, root: Path, members: Mapping[str, Member]) -> Delivered:
    """How a service is delivered. Its functions for calls change before those for events, which may call them."""
    member = f"souk-{service.name}"
    others, functions = [Part.CALLS] if service.is_called else [], DYNAMODB in service.stores
    return Delivered(
        label=service.label,
        folder=_within(root, members[member].folder),
        package=service.name,
        paths=[
            *_folders(f"{member}[container]", root, members),
            *PACKAGERS,
            *([f"{OBJECTS}/services/{service.label}.yaml"] if POSTGRES in service.stores else []),
        ],
        aliased=[service.function(Part.HTTP)] if functions else [],
        plain=[service.function(part) for part in (*others, Part.EVENTS)] if functions else [],
        runtime=f"${{{{ vars.SOUK_RUNTIME_{service.name.upper()} || '{'lambda' if functions else 'ecs'}' }}}}",
    )


def of_gateway(root: Path, members: Mapping[str, Member]) -> Delivered:
    """How the gateway is delivered: what it serves is made of the pages and of all manifests."""
    member = "souk-topologies"
    return Delivered(
        label=GATEWAY,
        folder=_within(root, members[member].folder),
        package=EDGE,
        paths=[*_folders(member, root, members), PAGES],
        aliased=[AUTHORIZER, GATEWAY],
        plain=[],
        runtime="lambda",  # on AWS, API Gateway is the gateway of containers too
        # By its image databases and roles are made, wherever the gateway itself runs.
        more="      image: ${{ vars.SOUK_GATEWAY_IMAGE == 'true' }}\n",
    )


def workflow(delivered: Delivered) -> str:
    """The workflow's text."""
    own = f"{FOLDER}/{delivered.label}.yml"
    paths = sorted({*delivered.paths, *BUILDERS, own})
    return _TEXT.format(
        label=delivered.label,
        folder=delivered.folder,
        package=delivered.package,
        runtime=delivered.runtime,
        paths="\n".join(f"      - {path}" for path in (*paths, '"!**/*.md"')),
        called=CALLED,
        aliased=" ".join(delivered.aliased) or '""',
        plain=" ".join(delivered.plain) or '""',
        more=delivered.more,
    )


def _folders(member: str, root: Path, members: Mapping[str, Member]) -> list[str]:
    return [f"{_within(root, folder)}/**" for folder in needs_of(member, members).members]


def _within(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()
