"""What `souk cost` takes for measured is measured here: units and calls of each step, on the model of DynamoDB.

An estimate may be a little off: a step is compared within a quarter, or within two units. One that the estimate does
not name is priced as `other`, so that nothing here fails where a step is added.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from souk_chassis.runtimes.lambda_events import CALLS_S, SCHEDULE_S, SWEPT_AFTER, SWEPT_ITEMS
from souk_chassis.testing.dynamodb_model.limits import Charge, Meter
from souk_topologies.cost.data import read_assumptions
from souk_topologies.cost.estimate import RELAY, of_step
from tests.functions.server import FunctionsServer, running_functions
from tests.functions.shop import CLOCK, FunctionsShop
from tests.functions.tables import WatchedTables

SANDBOX = "SandboxBooks"
"""The sandbox provider's table stands for an outside system."""
NOT_DYNAMODB = {RELAY: 1}
"""Calls of a step that are not DynamoDB's: a relay publishes."""
RACING = {"orders-stock-reserved", "orders-payment-captured"}
"""Which of them comes first is chance, and so is which of them writes what."""
LINES = 3
WIDE = 101
ASSUMED = {name: each.value for name, each in read_assumptions().items()}


@dataclass
class Measured:
    """Units, calls and invocations of each step."""

    writes: Counter[str] = field(default_factory=Counter)
    reads: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)

    def each(self, counted: Mapping[str, float], step: str) -> Decimal:
        """What one invocation of a step took."""
        return Decimal(str(counted.get(step, 0))) / self.times[step]


class Watch:
    """Attributes what DynamoDB charges to the step that is at work. `measured` may be replaced at any time."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.measured = Measured()
        self._step: ContextVar[str] = ContextVar("_step", default="")
        self._patch = patch
        self._watch_units()
        self._name(FunctionsShop, "_handle", lambda _, __, queue, *___: queue)
        self._name(FunctionsShop, "_relay", lambda *_: RELAY)
        self._name(FunctionsShop, "invoke", lambda _, __, payload, **___: msgspec.json.decode(payload)["operation"])
        self._name(FunctionsShop, "serve", lambda shop, request: shop.api.operation(request.method, request.path))

    def _watch_units(self) -> None:
        grant, call = Meter.grant, WatchedTables.call

        def granted(meter: Meter, charges: Iterable[Charge], now_s: float) -> set[Charge]:
            found = list(charges)
            for charge in found:
                if not charge.place.startswith(SANDBOX):
                    self.measured.writes[self._step.get()] += charge.writes  # type: ignore[assignment]
                    self.measured.reads[self._step.get()] += charge.reads  # type: ignore[assignment]
            return grant(meter, found, now_s)

        async def called(tables: WatchedTables, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
            self.measured.calls[self._step.get()] += SANDBOX not in str(request)
            return await call(tables, operation, request)

        self._patch.setattr(Meter, "grant", granted)
        self._patch.setattr(WatchedTables, "call", called)

    def _name(self, owner: type, method: str, named: Callable[..., str]) -> None:
        plain = getattr(owner, method)

        async def watched(*args: Any, **given: Any) -> Any:
            step = named(*args, **given)
            mark = self._step.set(step)
            self.measured.times[step] += 1
            try:
                return await plain(*args, **given)
            finally:
                self._step.reset(mark)

        self._patch.setattr(owner, method, watched)


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patched:
        yield patched


@pytest.fixture(scope="module")
def shop(patch: pytest.MonkeyPatch) -> Iterator[tuple[FunctionsServer, Watch]]:
    watch = Watch(patch)
    with running_functions() as server:
        for number in range(WIDE):
            product = {"name": f"a thing to sell, number {number}", "price": "2.00", "inventory": 100_000}
            ask(server, "PUT", f"/products/{product_id(number)}", product)
        yield server, watch


@pytest.fixture(scope="module")
def narrow(shop: tuple[FunctionsServer, Watch]) -> Measured:
    """An order of three lines, from placing to a return, and what is looked at beside it."""
    server, watch = shop
    measured = watch.measured = Measured()
    path = f"/orders/{placed(server, LINES)}"
    for method, asked in (("GET", path), ("GET", f"/products/{product_id(1)}"), ("GET", "/products?limit=50")):
        ask(server, method, asked)
    ask(server, "POST", f"{path}/ship")
    ask(server, "POST", f"{path}/deliver")
    ask(server, "POST", f"{path}/returns", {"items": [{"productId": product_id(0), "quantity": 1}]})
    account = {"email": "ann@example.org", "password": "a long password"}
    ask(server, "POST", "/users", {**account, "name": "Ann"})
    ask(server, "POST", "/sessions", account)
    return measured


def product_id(number: int) -> str:
    return f"0194f7a0-0000-7000-8000-{number:012d}"


def placed(server: FunctionsServer, lines: int) -> str:
    items = [{"productId": product_id(number), "quantity": 1} for number in range(lines)]
    answer = ask(server, "POST", "/orders", {"customerId": product_id(0), "items": items})
    return str(answer["orderId"])


def ask(server: FunctionsServer, method: str, path: str, body: object = None) -> Any:
    """The answer, once no event is under way any more."""

    async def answer() -> Any:
        headers = {"Authorization": f"Bearer {server.admin}"}
        async with aiohttp.request(method, server.url + path, json=body, headers=headers) as answered:
            assert answered.status < 300, await answered.text()
            found = await answered.json()
        await server.row_counts()
        return found

    return server.run(answer())


def near(told: Decimal) -> Any:
    return pytest.approx(float(told), rel=0.25, abs=2)


def test_what_each_step_writes_reads_and_calls(narrow: Measured) -> None:
    known = ASSUMED["write_units"].keys() | ASSUMED["read_units"].keys() | ASSUMED["aws_calls"].keys()
    steps = known & narrow.times.keys() - RACING
    assert {"place_order", "quote", "products-order-created", "payments-stock-reserved", RELAY} <= steps
    for step in steps:
        calls = narrow.each(narrow.calls, step) + NOT_DYNAMODB.get(step, 0)
        found = narrow.each(narrow.writes, step), narrow.each(narrow.reads, step), calls
        told = (ASSUMED["write_units"], ASSUMED["read_units"], ASSUMED["aws_calls"])
        assert [float(each) for each in found] == [near(of_step(each, step)) for each in told], step


def test_both_steps_of_an_order_together(narrow: Measured) -> None:
    most = sum(ASSUMED["write_units"][step] for step in RACING)
    assert sum(narrow.writes[step] for step in RACING) == pytest.approx(float(most), rel=0.35)


def test_what_a_line_more_costs(shop: tuple[FunctionsServer, Watch], narrow: Measured) -> None:
    server, watch = shop
    wide = watch.measured = Measured()
    placed(server, WIDE)
    for step in ("place_order", "products-order-created"):
        grown = (wide.each(wide.writes, step) - narrow.each(narrow.writes, step)) / (WIDE - LINES)
        assert float(grown) == pytest.approx(float(ASSUMED["write_units_per_line"][step]), rel=0.25), step
    for step in ("quote", "products-order-created"):
        grown = (wide.each(wide.reads, step) - narrow.each(narrow.reads, step)) / (WIDE - LINES)
        assert float(grown) == pytest.approx(float(ASSUMED["read_units_per_line"][step]), rel=0.25), step


def test_what_the_clock_asks_for(shop: tuple[FunctionsServer, Watch]) -> None:
    """A minute's rounds: whether those of each five minutes and each hour are due would depend on when this runs."""
    server, watch = shop
    for name, function in server.shop.events.items():
        instance: Any = function._instance
        measured = watch.measured = Measured()
        server.run(instance.store.sweep(server.shop, CLOCK.now() - SWEPT_AFTER, SWEPT_ITEMS))
        for each in instance.rounds:
            if each.every_s <= SCHEDULE_S:
                server.run(each.run(function._context("", CALLS_S)))
        assert measured.calls[""] == near(of_step(ASSUMED["schedule_calls"], name)), name
        assert measured.reads[""] == near(of_step(ASSUMED["schedule_read_units"], name)), name
        assert not measured.writes[""], name
