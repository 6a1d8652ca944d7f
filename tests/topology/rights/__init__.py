"""A right request for every operation: what wrong requests are made from.

A service whose objects need more than examples of their types has a module here that says its own.
"""

from importlib import import_module
from importlib.util import find_spec

from souk_topologies.shop import SERVICES, manifests
from tests import examples
from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def right_requests(shop: Client, customer: Customer) -> dict[str, Right]:
    """A request for every operation, by its id, that an administrator may make once."""
    rights: dict[str, Right] = {}
    for service in SERVICES:
        if find_spec(f"{__name__}.{service}") is None:
            rights |= await _from_types(shop, service)
        else:
            rights |= await import_module(f"{__name__}.{service}").rights(shop, customer)
        rights[f"inspect_{service}_queues"] = Right()
        rights[f"redrive_{service}_queue"] = Right({"queue": f"{service}-nothing"})
    return rights


async def _from_types(shop: Client, service: str) -> dict[str, Right]:
    """Examples of the requests. A path names what was made by the one that makes something."""
    rights: dict[str, Right] = {}
    known: dict[str, str] = {}
    for operation in examples.in_order(manifests()[service].implements):
        route = operation.route
        assert route is not None
        if operation.status == 201 and not route.parameters:
            made = (await shop.ask(route.method, route.path, examples.body(operation))).expect(201)
            known |= {name: value for name, value in made.items() if isinstance(value, str)}
        path = {name: known[name] for name in route.parameters if name in known}
        rights[operation.name] = Right(path, examples.body(operation, 2))
    return rights
