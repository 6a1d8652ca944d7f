"""Every permission of every function's role is needed, and none is missing: on the emulator, with authorisation on.

Each function does its exercises with all that Terraform grants it. Then each right in turn is taken from its role, a
permission or what reading or changing a table takes: an exercise that has asked for it must be refused.
"""

import asyncio
import time
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.manifest import Part
from souk_topologies.places import DataDir
from souk_topologies.shop import ISSUERS, manifests
from tests.infra.account import FOR_EMULATOR, SECOND, Account
from tests.infra.shop import EmulatedShop
from tests.permissions.actions import Grant
from tests.permissions.declared import differences, granted, right_of
from tests.permissions.exercise import Exercise, days
from tests.permissions.exercises import EXERCISES
from tests.permissions.stage import RefusedError, Stage, in_place, write_edge

TRIES = 3
Needed = Mapping[Grant, Sequence[Exercise]]
"""Which exercises ask for a right, the quickest first."""


@pytest.fixture(scope="module")
def account(emulated_shop: EmulatedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account for exercises, with the roles that Terraform has made."""
    folder = tmp_path_factory.mktemp("edge")
    write_edge(folder)
    keys = load_or_create_keys(DataDir(emulated_shop.data_dir).keys, ISSUERS)
    made = Account(emulated_shop.made, keys, folder)
    asyncio.run(made.open())
    with in_place(made):
        yield made
    asyncio.run(made.close())


def asked(stage: Stage, work: Exercise) -> set[Grant]:
    """What an exercise asks for. Where it fails otherwise than by a refusal it is done again, `TRIES` times in all: the
    emulator now and then drops a connection, and what is wrong with an exercise stays wrong."""
    for _ in range(TRIES - 1):
        try:
            return stage.asked(work)
        except RefusedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the next try tells
            warnings.warn(f"{work.__name__} once more: {error!r}", stacklevel=2)
    return stage.asked(work)


def done_with_all(stage: Stage) -> tuple[set[Grant], Needed]:
    """All exercises of a function with all that is granted: what they asked for, and by right. Raises what an exercise
    does."""
    all_asked: set[Grant] = set()
    took: dict[Grant, dict[Exercise, float]] = defaultdict(dict)
    for work in EXERCISES.get(stage.function, ()):
        begun = time.monotonic()
        of_work = asked(stage, work)
        all_asked |= of_work
        for right in map(right_of, of_work):
            took[right][work] = time.monotonic() - begun
    return all_asked, {grant: sorted(by_work, key=by_work.__getitem__) for grant, by_work in took.items()}


def is_refused(stage: Stage, work: Exercise, right: Grant) -> bool:
    """Whether the exercise fails for want of the right."""
    try:
        asked(stage, work)
    except RefusedError as error:
        return right in map(right_of, error.refused)
    return False


def idle(account: Account, stage: Stage, rights: Collection[Grant], needed: Needed) -> list[Grant]:
    """Those rights without which no exercise fails. In the end the role has all of them again."""
    found = []
    try:
        for right in sorted(rights):
            asyncio.run(account.grant(stage.function, without=right))
            if not any(is_refused(stage, work, right) for work in needed[right]):
                found.append(right)
    finally:
        asyncio.run(account.grant(stage.function))
    return found


@pytest.mark.parametrize("function", sorted(granted()))
def test_each_permission_is_needed_and_none_is_missing(account: Account, function: str) -> None:
    stage = Stage(account, function, days())
    all_asked, needed = done_with_all(stage)
    assert differences(function, all_asked) == []
    assert idle(account, stage, needed.keys(), needed) == []


def test_a_planted_permission_that_nothing_needs_is_found(account: Account) -> None:
    stage, planted = Stage(account, "user-service-calls", days()), ("dynamodb:Scan", "table/Users")
    needed = {planted: EXERCISES[stage.function]}
    assert idle(account, stage, [planted], needed) == [planted]


def test_a_planted_lack_is_found(account: Account) -> None:
    function = "user-service-calls"
    asyncio.run(account.grant(function, without=("reading", "records/users")))
    try:
        with pytest.raises(RefusedError, match="dynamodb:BatchGetItem on table/Users"):
            done_with_all(Stage(account, function, days()))
    finally:
        asyncio.run(account.grant(function))


@pytest.mark.parametrize("function", sorted(granted()))
def test_a_role_has_what_the_manifests_say_and_what_lambda_needs(account: Account, function: str) -> None:
    own = {("logs:CreateLogStream", "log"), ("logs:PutLogEvents", "log")}
    relays = [name for name, service in manifests().items() if service.function(Part.EVENTS) == function]
    own |= {("sqs:SendMessage", f"unrelayed/{name}") for name in relays}
    assert account.granted(function) == granted()[function] | own


@pytest.mark.parametrize("function", sorted(granted()))
def test_a_role_is_for_named_resources(account: Account, function: str) -> None:
    resources = {resource for statement in account.policies[function] for resource in statement["Resource"]}
    wild = {resource for resource in resources if "*" in resource}
    log = f"arn:aws:logs:eu-west-1:{SECOND}:log-group:/aws/lambda/{function}:*"
    assert wild <= {log, FOR_EMULATOR}
