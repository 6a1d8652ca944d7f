"""A Lambda that is killed at any of its calls, or wherever else it waits, loses nothing and does nothing twice.

The order's way, placed to mailed, runs once undisturbed and is counted; then once for each place where it can be
killed, with everything coming again as SQS and the stream bring it.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey, new_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.testing.dynamodb_faults import FaultyClient
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_topologies.shop import ISSUERS, OPERATOR
from tests.functions.steps import Mortal, SteppedShop

ORDER = {"id": "o1", "items": [{"productId": "apple", "quantity": 3}], "email": "guest@example.com"}
STOCK = 10


@cache
def keys() -> dict[str, SigningKey]:
    """Keys for all tests."""
    return {issuer: new_key(issuer) for issuer in ISSUERS}


@cache
def admin() -> str:
    """An administrator's token."""
    identity = Identity(Role.ADMIN, "root")
    return sign_public(keys()[OPERATOR], identity, issued_at=datetime.now(UTC), lifetime_s=3600)


async def stocked(*, deaf: bool = False) -> SteppedShop:
    """A shop that has apples."""
    shop = SteppedShop(keys(), VirtualClock(datetime.now(UTC)), deaf=deaf)
    await shop.build()
    content = {"name": "Apple", "price": "0.50", "inventory": STOCK}
    assert (await shop.ask("PUT", "/products/apple", admin(), content))[0] == 201
    await shop.settle()
    shop.mortal = Mortal()
    return shop


async def ordered(shop: SteppedShop) -> None:
    """The order's way."""
    status, body = await shop.ask("POST", "/orders", "", ORDER)
    assert status == 201, body
    await shop.settle()


async def found(shop: SteppedShop) -> dict[str, Any]:
    """What the books of all services say in the end."""

    async def book(name: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads((await shop.ask("GET", f"/books/{name}", admin()))[1])["items"]
        return items

    return {
        "orders": [(each["orderId"], each["status"]) for each in await book("orders")],
        "payments": [(each["orderId"], each["state"], each["charges"]) for each in await book("payments")],
        "reservations": [(each["orderId"], each["units"]) for each in await book("reservations")],
        "stock": [(each["productId"], each["sold"], each["now"]) for each in await book("stock")],
        "mails": [(each["orderId"], each["kinds"]) for each in await book("mails")],
        "outbox": shop.outbox(),
        "queues": [
            state for queues in shop.queues.values() for state in queues.states() if state.waiting or state.dead
        ],
    }


@cache
def undisturbed() -> tuple[dict[str, Any], int]:
    """What is found where nobody dies, and how often the way waits."""

    async def run() -> tuple[dict[str, Any], int]:
        shop = await stocked()
        await ordered(shop)
        waits = shop.mortal.waits
        assert shop.deaths == 0
        return await found(shop), waits

    return run_virtually(run())


def killed(prepare: Callable[[SteppedShop], None], *, deaf: bool = False) -> int:
    """Run the way in a shop that was prepared to die. Returns how often it did."""

    async def run() -> tuple[dict[str, Any], int]:
        shop = await stocked(deaf=deaf)
        prepare(shop)
        await ordered(shop)
        shop.faulty, shop.mortal = None, Mortal()
        assert await found(shop) == undisturbed()[0], "what came again was not enough"
        await shop.tick()  # what makes up for losses finds nothing to do
        await shop.settle()
        return await found(shop), shop.deaths

    undisturbed()  # a loop of its own
    books, deaths = run_virtually(run())
    assert books == undisturbed()[0]
    return deaths


def test_the_way_is_whole() -> None:
    books, waits = undisturbed()
    assert books == {
        "orders": [("o1", "CONFIRMED")],
        "payments": [("o1", "CAPTURED", 1)],
        "reservations": [("o1", 3)],
        "stock": [("apple", 3, STOCK - 3)],
        "mails": [("o1", {"confirmed": 1})],
        "outbox": 0,
        "queues": [],
    }
    assert waits > 50


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_killed_at_a_call_of_the_database(done: bool) -> None:
    call, died = 0, 1
    while died:
        call += 1

        def prepare(shop: SteppedShop, call: int = call) -> None:
            shop.faulty = FaultyClient(shop.tables, call, done=done)

        died = killed(prepare)
    assert call > 20, "hardly anything was killed"


def test_killed_wherever_it_waits() -> None:
    _, waits = undisturbed()
    for wait in range(1, waits + 1):

        def prepare(shop: SteppedShop, wait: int = wait) -> None:
            shop.mortal = Mortal(wait)

        assert killed(prepare) == 1, f"nobody waited {wait} times"


def test_what_the_stream_loses_is_swept() -> None:
    assert killed(lambda _: None, deaf=True) == 0
