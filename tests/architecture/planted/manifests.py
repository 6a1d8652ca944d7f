"""Breaches of the rules on manifests: each both ways."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.manifests import (
    calls_are_declared,
    databases_are_opened,
    events_are_declared,
    handlers_are_bound,
    implementations_fit_their_operations,
    manifests_are_plain,
    no_way_around_calls,
    operations_are_implemented,
)

_USERS = "services/users/src/souk_users"
_PRODUCTS = "services/products/src/souk_products"
_ORDERS = "services/orders/src/souk_orders"

_CALL = """
from souk_contracts import users
from souk_contracts.users import FindContacts as Find

async def rogue(ctx, request):
    return await ctx.call({operation}, request)
"""

_ROGUE_OPERATION = """
Rogue = Operation("rogue", "{service}", None, request=UserRef, response=UserProfile, access=Access.SERVICE, summary="")
"""

_EVENT_BY_VARIABLE = """
from souk_contracts.payments import PaymentRefunded as told

async def rogue(ctx, unit):
    event = told(order_id="1", refund_id="2", amount_minor=3)
    unit.publish(event, ctx.traceparent)
"""

_EVENT_BY_FACTORY = """
from souk_contracts import payments

async def rogue(ctx, unit):
    unit.publish(make(payments.PaymentRefunded, "1"), ctx.traceparent)
"""

_HANDLER = """
async def on_nothing(ctx, unit, deliveries):
    await unit.move([])
"""

PLANTED = [
    Planted(
        manifests_are_plain,
        lambda t: t.append(f"{_USERS}/manifest.py", "service = make_service()"),
        "can't be read plainly",
    ),
    Planted(manifests_are_plain, lambda t: t.replace(f"{_USERS}/manifest.py", '"users"', '"user"'), "'user'"),
    Planted(
        operations_are_implemented,
        lambda t: t.append("contracts/src/souk_contracts/users.py", _ROGUE_OPERATION.format(service="users")),
        "Rogue is declared for it, and not implemented",
    ),
    Planted(
        operations_are_implemented,
        lambda t: t.append("contracts/src/souk_contracts/users.py", _ROGUE_OPERATION.format(service="orders")),
        "belongs to orders",
    ),
    Planted(
        operations_are_implemented,
        lambda t: t.plant(
            f"{_USERS}/manifest.py",
            "from souk_contracts.orders import GetOrder as Foreign\n"
            + t.files[f"{_USERS}/manifest.py"].replace("implements={", "implements={Foreign: get_user,"),
        ),
        "GetOrder is not declared for it",
    ),
    Planted(
        implementations_fit_their_operations,
        lambda t: t.replace(f"{_USERS}/operations.py", "async def get_user(", "async def get_someone("),
        "get_user does not exist",
    ),
    Planted(
        implementations_fit_their_operations,
        lambda t: t.replace(f"{_USERS}/manifest.py", "GetUser: get_user", "GetUser: find_contacts"),
        "under another name",
    ),
    Planted(
        implementations_fit_their_operations,
        lambda t: t.replace(f"{_USERS}/operations.py", "request: UserRef", "request: ContactsQuery"),
        "takes souk_contracts.users.UserRef",
    ),
    Planted(
        calls_are_declared,
        lambda t: t.append(f"{_ORDERS}/pricing.py", _CALL.format(operation="Find")),
        "FindContacts is called, and not in calls",
    ),
    Planted(
        calls_are_declared,
        lambda t: t.append(f"{_ORDERS}/pricing.py", _CALL.format(operation="users.FindContacts")),
        "FindContacts is called, and not in calls",
    ),
    Planted(
        calls_are_declared,
        lambda t: t.append(f"{_ORDERS}/pricing.py", _CALL.format(operation="request.operation")),
        "calls what no contract names",
    ),
    Planted(
        calls_are_declared,
        lambda t: t.replace(f"{_ORDERS}/pricing.py", "ctx.call(Quote, ", "ask(Quote, "),
        "Quote is in calls, and never called",
    ),
    Planted(
        no_way_around_calls,
        lambda t: t.append(
            f"{_ORDERS}/pricing.py", "async def rogue(ctx):\n    await ctx.dispatcher.dispatch(1, 2, 3)\n"
        ),
        "goes around Context.call",
    ),
    Planted(
        events_are_declared,
        lambda t: t.append(f"{_ORDERS}/consumers.py", _EVENT_BY_VARIABLE),
        "PaymentRefunded is made, and not in publishes",
    ),
    Planted(
        events_are_declared,
        lambda t: t.append(f"{_ORDERS}/consumers.py", _EVENT_BY_FACTORY),
        "PaymentRefunded is made, and not in publishes",
    ),
    Planted(
        events_are_declared,
        lambda t: t.replace(f"{_USERS}/operations.py", "unit.publish(UserRegistered(", "unit.publish(dict("),
        "UserRegistered is in publishes, and never made",
    ),
    Planted(
        handlers_are_bound,
        lambda t: t.replace(f"{_ORDERS}/consumers.py", "async def on_payment_captured(", "async def on_payment("),
        "on_payment_captured does not exist",
    ),
    Planted(handlers_are_bound, lambda t: t.append(f"{_ORDERS}/consumers.py", _HANDLER), "bound to no event"),
    Planted(
        handlers_are_bound,
        lambda t: t.replace(f"{_ORDERS}/manifest.py", "consumers.on_stock_reserved", "consumers.on_stock_rejected"),
        "and takes souk_contracts.products.StockRejected",
    ),
    Planted(
        databases_are_opened,
        lambda t: t.replace(f"{_PRODUCTS}/bootstrap.py", '"souk_products"', '"souk_orders"'),
        "opens souk_orders: its database is souk_products",
    ),
    Planted(
        databases_are_opened,
        lambda t: t.append(
            f"{_USERS}/operations.py",
            "import asyncpg\n\nasync def rogue(url):\n    return await asyncpg.connect(url)\n",
        ),
        "opens a database by asyncpg.connect",
    ),
]

INNOCENT = [
    Innocent(
        calls_are_declared,
        lambda t: t.append(f"{_ORDERS}/pricing.py", _CALL.format(operation="Quote")),
    ),
    Innocent(
        calls_are_declared,
        lambda t: t.append(
            f"{_ORDERS}/pricing.py", "async def other(pipeline):\n    await pipeline.call(lambda _: 1)\n"
        ),
    ),
    Innocent(
        events_are_declared,
        lambda t: t.append(
            f"{_ORDERS}/consumers.py", "def heard(news):\n    return isinstance(news, PaymentDeclined)\n"
        ),
    ),
]
