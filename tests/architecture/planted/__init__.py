"""A breach of each rule, planted into a copy of the repository's files."""

from collections.abc import Callable
from typing import NamedTuple

from tests.architecture.tree import Rule, Tree


class Planted(NamedTuple):
    """A change of the tree that `rule` must catch, with words of the breach that it must report."""

    rule: Rule
    plant: Callable[[Tree], Tree]
    words: str


class Innocent(NamedTuple):
    """A change of the tree that `rule` must let pass."""

    rule: Rule
    plant: Callable[[Tree], Tree]
