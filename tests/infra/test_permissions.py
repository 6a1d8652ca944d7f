"""Every permission of every function's role is needed, and none is missing: on the emulator, with authorisation on.

Each function does its exercises with all that Terraform grants it. Then each permission in turn is taken from its role:
an exercise that has asked for it must fail.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.manifest import Part
from souk_topologies.aws_local.tools import CHECKOUT
from souk_topologies.edge import edge_files
from souk_topologies.places import DataDir
from souk_topologies.shop import ISSUERS, manifests
from tests.infra.account import Account
from tests.infra.shop import EmulatedShop
from tests.permissions import exercises
from tests.permissions.actions import Grant
from tests.permissions.declared import granted, not_asked
from tests.permissions.exercise import EXERCISES, Exercise, days
from tests.permissions.stage import RefusedError, Stage, in_place

assert exercises  # to import them is to have them


@pytest.fixture(scope="module")
def account(emulated_shop: EmulatedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account for exercises, with the roles that Terraform has made."""
    folder = tmp_path_factory.mktemp("edge")
    for name, content in edge_files(list(manifests().values()), CHECKOUT / "web").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    keys = load_or_create_keys(DataDir(emulated_shop.data_dir).keys, ISSUERS)
    made = Account(emulated_shop.made, keys, folder)
    asyncio.run(made.open())
    with in_place(made):
        yield made
    asyncio.run(made.close())


@dataclass
class Needed:
    """Which exercises ask for a grant, the quickest first."""

    by_grant: dict[Grant, list[tuple[float, Exercise]]] = field(default_factory=dict)

    def add(self, work: Exercise, asked: set[Grant], seconds: float) -> None:
        """Note what an exercise asked for, and how long it took."""
        for grant in asked:
            self.by_grant.setdefault(grant, []).append((seconds, work))

    def exercises(self, grant: Grant) -> list[Exercise]:
        """Those that asked for it."""
        return [work for _, work in sorted(self.by_grant[grant], key=lambda each: each[0])]


def done_with_all(stage: Stage) -> Needed:
    """All exercises of a function with all that is granted. Raises what an exercise does."""
    needed = Needed()
    for work in EXERCISES.get(stage.function, ()):
        begun = time.monotonic()
        needed.add(work, stage.asked(work), time.monotonic() - begun)
    return needed


def fails(stage: Stage, work: Exercise, grant: Grant) -> bool:
    """Whether the exercise fails for want of the grant."""
    try:
        stage.asked(work)
    except RefusedError as error:
        return grant in error.refused
    return False


@pytest.mark.parametrize("function", sorted(granted()))
def test_each_permission_is_needed_and_none_is_missing(account: Account, function: str) -> None:
    stage = Stage(account, function, days())
    needed = done_with_all(stage)
    proved = {grant for grant in account.granted(function) if not not_asked(function, grant)}
    assert set(needed.by_grant) == proved
    idle = []
    try:
        for grant in sorted(proved):
            asyncio.run(account.grant(function, without=grant))
            if not any(fails(stage, work, grant) for work in needed.exercises(grant)):
                idle.append(grant)
    finally:
        asyncio.run(account.grant(function))
    assert idle == []


@pytest.mark.parametrize("function", sorted(granted()))
def test_terraform_grants_what_the_manifests_say_and_the_function_s_own_log(account: Account, function: str) -> None:
    own = {("logs:CreateLogStream", "log"), ("logs:PutLogEvents", "log")}
    service = next((each for each in manifests().values() if function == each.function(Part.EVENTS)), None)
    if service is not None:
        own.add(("sqs:SendMessage", f"unrelayed/{service.name}"))
    assert account.granted(function) == granted()[function] | own
