"""Lists that name every service: one that is missing in one of them is half a service."""

from collections.abc import Iterator

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.lists import LISTINGS
from tests.architecture.services import services
from tests.architecture.tree import Breach, Tree


def services_are_listed(tree: Tree) -> Iterator[Breach]:
    """Each list names the services that have a folder, all and no others, each once."""
    folders = [service.name for service in services(tree)]
    for listing in LISTINGS:
        try:
            names = listing.names(tree.files[listing.path])
        except (KeyError, ScaffoldError):
            yield Breach(listing.path, f"{listing.what} can't be found")
            continue
        for name in sorted(set(folders) - set(names)):
            yield Breach(listing.path, f"{name} is missing in {listing.what}")
        for name in sorted({name for name in names if name not in folders or names.count(name) > 1}):
            yield Breach(listing.path, f"{name} is in {listing.what}, and has no folder or stands there twice")
