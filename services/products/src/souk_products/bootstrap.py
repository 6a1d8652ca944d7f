"""Builds the products service from its configuration."""

from typing import Annotated

import msgspec

from souk_chassis.config import Config, read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance, Round
from souk_chassis.storage.ports import QueueBooks
from souk_products.manifest import service
from souk_products.operations import make_products
from souk_products.ports import ProductsStore
from souk_products.reconciler import ROUND_S, reconcile


class ProductsConfig(Config, frozen=True):
    """Settings: `SOUK_CURRENCY`, the ISO 4217 code of the shop's one currency."""

    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] = "GBP"


async def build(base: Foundation) -> Instance:
    """The service, ready to be served."""
    config = read_config(ProductsConfig, base.environment)
    store, queues = await _store(base)
    products = make_products(store, queues, config.currency, base.clock)
    return Instance(
        service,
        products,
        store,
        base.clock,
        Log(service.label),
        rounds=[Round(reconcile, ROUND_S)],
        closers=[products.puts.close, products.quotes.close],
    )


async def _store(base: Foundation) -> tuple[ProductsStore, QueueBooks]:
    """The store that the topology asks for, and its queues. An adapter is imported where it is chosen: a function on
    Lambda has neither the time nor the room for PostgreSQL's driver."""
    if base.aws is not None:
        from souk_products.storage.dynamodb import DynamoProductsStore

        return DynamoProductsStore(base.aws.dynamodb, base.clock), base.aws.queues
    if base.database_url is not None:
        from souk_chassis.storage.opening import open_store
        from souk_products.storage.postgres import PostgresProductsStore

        database = await open_store(base.database_url, "souk_products", "products", base.clock, PostgresProductsStore)
        return database, base.books(database)
    from souk_products.storage.memory import MemoryProductsStore

    memory = MemoryProductsStore(base.clock)
    return memory, memory
