"""The manifests declare what the functions do at AWS, and nothing else: every exercise on a model of AWS."""

from collections.abc import Iterator

import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_topologies.aws_local.tools import CHECKOUT
from souk_topologies.edge import edge_files
from souk_topologies.shop import ISSUERS, manifests
from tests.permissions import exercises
from tests.permissions.actions import Grant
from tests.permissions.declared import granted, not_asked
from tests.permissions.exercise import EXERCISES, days
from tests.permissions.model import ModelOfAws
from tests.permissions.stage import Place, Stage, in_place

assert exercises  # to import them is to have them


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("edge")
    for name, content in edge_files(list(manifests().values()), CHECKOUT / "web").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    place = ModelOfAws(load_or_create_keys(tmp_path_factory.mktemp("keys"), ISSUERS), folder)
    with in_place(place):
        yield place


def asked(place: Place, function: str) -> set[Grant]:
    """What a function asks AWS for in all of its exercises."""
    stage = Stage(place, function, days())
    return {grant for work in EXERCISES.get(function, ()) for grant in stage.asked(work)}


@pytest.mark.parametrize("function", sorted(granted()))
def test_what_a_function_does_is_granted_and_what_is_granted_it_does(model: Place, function: str) -> None:
    provable = {grant for grant in granted()[function] if not not_asked(function, grant)}
    assert asked(model, function) == provable
