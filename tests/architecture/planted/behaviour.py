"""Breaches of the rules on what a service's code does."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.behaviour import no_remote_call_in_a_unit, operations_do_not_sleep, owners_are_asked_for
from tests.architecture.tree import Tree

_USERS = "services/users/src/souk_users"
_ORDERS = "services/orders/src/souk_orders"

_UNIT = """
import aiohttp
import asyncio
from souk_contracts.products import Quote

async def rogue(ctx, request, session):
    async with ctx.deps.store.unit() as unit:
        await unit.move([])
        await {call}

async def _through_another(ctx, request):
    return await ctx.call(Quote, request)
"""

_AFTER = """
from souk_contracts.products import Quote

async def allowed(ctx, request):
    async with ctx.deps.store.unit() as unit:
        await unit.move([])
    return await ctx.call(Quote, request)
"""


def _in_unit(call: str) -> Planted:
    return Planted(
        no_remote_call_in_a_unit,
        lambda t: t.append(f"{_ORDERS}/operations.py", _UNIT.format(call=call)),
        "inside a unit of work",
    )


def _in_handler(call: str) -> Planted:
    def plant(tree: Tree) -> Tree:
        path = f"{_ORDERS}/consumers.py"
        return tree.replace(path, "await _advance(", f"await {call}\n    await _advance(")

    return Planted(no_remote_call_in_a_unit, plant, "inside the handler on_stock_reserved")


def _without_question(tree: Tree) -> Tree:
    path = f"{_USERS}/operations.py"
    return tree.replace(path, "ctx.must_own(ctx.identity.owns_user(request.user_id))", "request.user_id.strip()")


def _asked_by_another(tree: Tree) -> Tree:
    path = f"{_USERS}/operations.py"
    question = "ctx.must_own(ctx.identity.owns_user(request.user_id))"
    return tree.replace(path, question, "_ask(ctx)").append(path, "def _ask(ctx):\n    ctx.must_own(True)\n")


def _sleepy(tree: Tree) -> Tree:
    path = f"{_USERS}/operations.py"
    return tree.replace(path, "ctx.must_own(", "await asyncio.sleep(1)\n    ctx.must_own(")


PLANTED = [
    Planted(owners_are_asked_for, _without_question, "never asks for the owner"),
    _in_unit("ctx.call(Quote, request)"),
    _in_unit("_through_another(ctx, request)"),
    _in_unit("ctx.deps.provider.charge(request)"),
    _in_unit("ctx.deps.transport.deliver([])"),
    _in_unit("aiohttp.request('GET', request)"),
    _in_unit("asyncio.sleep(1)"),
    _in_handler("ctx.call(None, None)"),
    _in_handler("ctx.deps.provider.charge(None)"),
    Planted(operations_do_not_sleep, _sleepy, "sleeps"),
]

INNOCENT = [
    Innocent(owners_are_asked_for, _asked_by_another),
    Innocent(no_remote_call_in_a_unit, lambda t: t.append(f"{_ORDERS}/operations.py", _AFTER)),
]
