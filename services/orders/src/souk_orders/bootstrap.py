"""Builds the orders service from its configuration. Importing it has no side effect."""

from typing import Annotated

import msgspec

from souk_chassis.config import read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.group_commit import GroupCommit
from souk_chassis.storage.opening import open_store
from souk_contracts.products import Currency
from souk_orders.backlog import MAX_OPEN_ORDERS, MOST_OPEN_ORDERS, Backlog
from souk_orders.consumers import ask_after_overdue
from souk_orders.domain import Draft, Placed
from souk_orders.manifest import service
from souk_orders.placing import Orders, forget_old_keys
from souk_orders.ports import OrderStore
from souk_orders.pricing import Pricing
from souk_orders.storage.memory import MemoryOrderStore, MemoryOrdersUnit
from souk_orders.storage.postgres import PostgresOrdersUnit
from souk_orders.storage.postgres_reads import PostgresOrderStore


class OrdersConfig(msgspec.Struct, frozen=True):
    """Settings: `SOUK_CURRENCY`, and `SOUK_MAX_OPEN_ORDERS`, the orders that may be on their way at once."""

    currency: Currency = "GBP"
    max_open_orders: Annotated[int, msgspec.Meta(ge=1, le=MOST_OPEN_ORDERS)] = MAX_OPEN_ORDERS


async def build(base: Foundation) -> Instance:
    """The service, ready to be served."""
    config = read_config(OrdersConfig, base.environment)
    store = await _store(base)
    log = Log(service.label)
    backlog = Backlog(store, log, config.max_open_orders)
    placing: GroupCommit[Draft, Placed] = GroupCommit(store.place, weigh=lambda draft: len(draft.lines))
    pricing = Pricing()
    deps = Orders(store, base.key, config.currency, placing, backlog, pricing)
    return Instance(
        service,
        deps,
        store,
        base.clock,
        log,
        background=[ask_after_overdue],
        housekeeping=[forget_old_keys],
        closers=[pricing.close, placing.close, backlog.close],
    )


async def _store(base: Foundation) -> OrderStore:
    if base.database_url is None:
        return MemoryOrderStore("orders", base.clock, MemoryOrdersUnit)
    return await open_store(
        base.database_url,
        "souk_orders",
        "orders",
        base.clock,
        lambda pool, clock: PostgresOrderStore(pool, "orders", clock, PostgresOrdersUnit),
    )
