"""What a route does with more requests than it takes."""

import asyncio

import pytest

from tests.functions.server import FunctionsServer
from tests.topology.client import ANONYMOUS, Client
from tests.topology.running import Shop

BURST = 100
AT_MOST = 5_000


async def test_signing_in_too_often_is_refused_and_nothing_else_is(
    shop: Client, every_topology: Shop | FunctionsServer
) -> None:
    if isinstance(every_topology, FunctionsServer):
        pytest.skip("API Gateway throttles there, not a program of ours")
    for _ in range(AT_MOST // BURST):
        asked = (shop.ask("POST", "/sessions", {}, token=ANONYMOUS, patient=False) for _ in range(BURST))
        answers = await asyncio.gather(*asked)
        assert {answer.status for answer in answers} <= {422, 429}
        refused = [answer for answer in answers if answer.status == 429]
        if refused:
            break
    assert refused
    for answer in refused:
        assert answer.throttled_s == 1.0
    (await shop.ask("GET", "/products", token=ANONYMOUS, patient=False)).expect(200)
    (await shop.ask("POST", "/users", {}, token=ANONYMOUS)).problem(422, "invalid_request")
    # Who waits is answered.
    (await shop.ask("POST", "/sessions", {}, token=ANONYMOUS)).problem(422, "invalid_request")
