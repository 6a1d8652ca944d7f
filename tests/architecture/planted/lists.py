"""Breaches of the rule on lists of services."""

from souk_topologies.scaffold.lists import LISTINGS, Listing
from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.lists import services_are_listed
from tests.architecture.tree import Tree


def _without(tree: Tree, listing: Listing) -> Tree:
    """The tree with one service less in that list."""
    entry = listing.entry.replace("{}", listing.names(tree.files[listing.path])[0])
    text = tree.files[listing.path]
    begin, end = listing.span(text)
    inside = text[begin:end].replace(entry + listing.between, "", 1)
    return tree.plant(listing.path, text[:begin] + inside + text[end:])


def _with(tree: Tree, listing: Listing) -> Tree:
    """The tree with a service in that list which there is not."""
    return tree.plant(listing.path, listing.add(tree.files[listing.path], "gadgets"))


PLANTED = [
    *(
        Planted(services_are_listed, lambda tree, each=each: _without(tree, each), f"is missing in {each.what}")  # type: ignore[misc]
        for each in LISTINGS
    ),
    *(
        Planted(services_are_listed, lambda tree, each=each: _with(tree, each), f"gadgets is in {each.what}")  # type: ignore[misc]
        for each in LISTINGS
    ),
    Planted(
        services_are_listed,
        lambda tree: tree.plant("services/gadgets/pyproject.toml", ""),
        "gadgets is missing in SERVICES",
    ),
    Planted(
        services_are_listed,
        lambda tree: tree.replace("topologies/src/souk_topologies/shop.py", "SERVICES = (", "SERVICES = list("),
        "SERVICES can't be found",
    ),
]
INNOCENT: list[Innocent] = []
