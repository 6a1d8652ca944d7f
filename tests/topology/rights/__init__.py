"""A right request for every operation, a module a service: what wrong requests are made from."""

from importlib import import_module

from souk_topologies.shop import SERVICES
from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def right_requests(shop: Client, customer: Customer) -> dict[str, Right]:
    """A request for every operation, by its id, that an administrator may make once."""
    rights: dict[str, Right] = {}
    for service in SERVICES:
        rights |= await import_module(f"{__name__}.{service}").rights(shop, customer)
        rights[f"inspect_{service}_queues"] = Right()
        rights[f"redrive_{service}_queue"] = Right({"queue": f"{service}-nothing"})
    return rights
