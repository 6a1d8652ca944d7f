"""The repository keeps every rule, and every rule catches the breaches that are planted for it."""

import inspect
from types import ModuleType

import pytest

from souk_topologies.shop import SERVICES
from tests.architecture.exceptions import EXCEPTIONS
from tests.architecture.planted import (
    Innocent,
    Planted,
    behaviour,
    documents,
    folders,
    hygiene,
    lists,
    manifests,
    purity,
    tidy,
)
from tests.architecture.rules import behaviour as behaviour_rules
from tests.architecture.rules import dead_modules as dead_module_rules
from tests.architecture.rules import documents as document_rules
from tests.architecture.rules import folders as folder_rules
from tests.architecture.rules import hygiene as hygiene_rules
from tests.architecture.rules import lists as list_rules
from tests.architecture.rules import manifests as manifest_rules
from tests.architecture.rules import purity as purity_rules
from tests.architecture.rules import tidy as tidy_rules
from tests.architecture.tree import Breach, Rule, Tree, read_tree


def _rules(module: ModuleType) -> list[Rule]:
    return [
        function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]


RULES = [
    rule
    for module in (
        folder_rules,
        manifest_rules,
        behaviour_rules,
        purity_rules,
        tidy_rules,
        dead_module_rules,
        hygiene_rules,
        document_rules,
        list_rules,
    )
    for rule in _rules(module)
]
_TABLES = (folders, manifests, behaviour, purity, tidy, hygiene, documents, lists)
PLANTED: list[Planted] = [each for table in _TABLES for each in table.PLANTED]
INNOCENT: list[Innocent] = [each for table in _TABLES for each in table.INNOCENT]


@pytest.fixture(scope="module")
def tree() -> Tree:
    """The repository as it is."""
    return read_tree()


@pytest.fixture(scope="module")
def known(tree: Tree) -> dict[Rule, set[Breach]]:
    """What breaks each rule already: a planted breach must come on top of it."""
    return {rule: set(rule(tree)) for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule: Rule, known: dict[Rule, set[Breach]]) -> None:
    allowed = EXCEPTIONS.get(rule.__name__, {})
    broken = sorted(breach for breach in known[rule] if breach.where not in allowed)
    assert not broken, f"{rule.__doc__}\n" + "\n".join(f"  {breach.where}: {breach.what}" for breach in broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_exception_has_become_needless(rule: Rule, known: dict[Rule, set[Breach]]) -> None:
    assert EXCEPTIONS.get(rule.__name__, {}).keys() <= {breach.where for breach in known[rule]}


def test_exceptions_are_of_rules_that_exist() -> None:
    assert EXCEPTIONS.keys() <= {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: f"{planted.rule.__name__}-{planted.words}")
def test_a_planted_breach_is_caught(planted: Planted, tree: Tree, known: dict[Rule, set[Breach]]) -> None:
    new = set(planted.rule(planted.plant(tree))) - known[planted.rule]
    assert any(planted.words in breach.what for breach in new), new


@pytest.mark.parametrize("innocent", INNOCENT, ids=lambda innocent: innocent.rule.__name__)
def test_an_innocent_change_passes(innocent: Innocent, tree: Tree, known: dict[Rule, set[Breach]]) -> None:
    assert set(innocent.rule(innocent.plant(tree))) <= known[innocent.rule]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_breach_is_planted_for(rule: Rule) -> None:
    assert rule in {planted.rule for planted in PLANTED}


def test_the_tree_is_read(tree: Tree) -> None:
    """A rule over no files keeps itself."""
    for path in ("Makefile", "chassis/src/souk_chassis/errors.py", "services/orders/src/souk_orders/domain.py"):
        assert tree.files[path]
    assert len(tree.paths("services/*/src/*/manifest.py")) == len(SERVICES)
    assert "docs/pictures/storefront.png" in tree.binaries
