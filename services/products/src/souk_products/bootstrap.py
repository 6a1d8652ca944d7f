"""Builds the products service from its configuration."""

from typing import Annotated

import msgspec

from souk_chassis.config import read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.opening import open_store
from souk_products.manifest import service
from souk_products.operations import make_products
from souk_products.ports import ProductsStore
from souk_products.reconciler import reconcile_forever
from souk_products.storage.memory import MemoryProductsStore
from souk_products.storage.postgres import PostgresProductsStore


class ProductsConfig(msgspec.Struct, frozen=True):
    """Settings: `SOUK_CURRENCY`, the ISO 4217 code of the shop's one currency."""

    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] = "GBP"


async def build(base: Foundation) -> Instance:
    """The service on PostgreSQL, or in memory where no database is given."""
    config = read_config(ProductsConfig, base.environment)
    store: ProductsStore
    if base.database_url is None:
        store = MemoryProductsStore(base.clock)
    else:
        store = await open_store(base.database_url, "souk_products", "products", base.clock, PostgresProductsStore)
    products = make_products(store, config.currency, base.clock)
    return Instance(
        service,
        products,
        store,
        base.clock,
        Log(service.label),
        background=[reconcile_forever],
        closers=[products.puts.close, products.quotes.close],
    )
