"""Builds the orders service from its configuration. Importing it has no side effect."""

from typing import Annotated

import msgspec

from souk_chassis.config import Config, read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance, Round
from souk_chassis.storage.group_commit import MAX_BATCH, GroupCommit
from souk_chassis.storage.ports import QueueBooks
from souk_contracts.products import Currency
from souk_orders.backlog import MAX_OPEN_ORDERS, MOST_OPEN_ORDERS, Backlog
from souk_orders.consumers import ASK_EVERY_S, ask_after_overdue
from souk_orders.domain import Draft, Placed
from souk_orders.manifest import service
from souk_orders.placing import FORGET_EVERY_S, Orders, forget_old_keys
from souk_orders.ports import OrderStore
from souk_orders.pricing import Pricing


class OrdersConfig(Config, frozen=True):
    """Settings: `SOUK_CURRENCY`, and `SOUK_MAX_OPEN_ORDERS`, the orders that may be on their way at once.

    0 is no bound: where queues are SQS's they take any backlog, and functions have no time to count."""

    currency: Currency = "GBP"
    max_open_orders: Annotated[int, msgspec.Meta(ge=0, le=MOST_OPEN_ORDERS)] = MAX_OPEN_ORDERS


async def build(base: Foundation) -> Instance:
    """The service, ready to be served."""
    config = read_config(OrdersConfig, base.environment)
    store, queues = await _store(base)
    log = Log(service.label)
    backlog = Backlog(store, log, config.max_open_orders)
    at_once = 1 if base.aws is not None else MAX_BATCH  # in DynamoDB each order is a unit of work of its own
    placing: GroupCommit[Draft, Placed] = GroupCommit(
        store.place, max_batch=at_once, weigh=lambda draft: len(draft.lines)
    )
    pricing = Pricing()
    deps = Orders(store, queues, base.key, config.currency, placing, backlog, pricing)
    return Instance(
        service,
        deps,
        store,
        base.clock,
        log,
        rounds=[Round(ask_after_overdue, ASK_EVERY_S), Round(forget_old_keys, FORGET_EVERY_S)],
        closers=[pricing.close, placing.close, backlog.close],
    )


async def _store(base: Foundation) -> tuple[OrderStore, QueueBooks]:
    """The store that the topology asks for, and its queues. An adapter is imported where it is chosen: a function on
    Lambda has neither the time nor the room for PostgreSQL's driver."""
    if base.aws is not None:
        from souk_orders.storage.dynamodb import DynamoOrderStore

        return DynamoOrderStore(base.aws.dynamodb, base.clock), base.aws.queues
    if base.database_url is not None:
        from souk_chassis.storage.opening import open_store
        from souk_orders.storage.postgres import PostgresOrderStore

        database = await open_store(base.database_url, "souk_orders", "orders", base.clock, PostgresOrderStore)
        return database, base.books(database)
    from souk_orders.storage.memory import MemoryOrderStore

    memory = MemoryOrderStore(base.clock)
    return memory, memory
