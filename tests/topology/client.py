"""A client of the shop as a program elsewhere would be: HTTP and JSON, with nothing of Souk's own in it."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

SETTLE_S = 20.0
"""How long an order may take to get where a test expects it, in seconds, where nothing else is said."""
CONNECTIONS = 64
"""How many requests may be under way at once, where nothing else is said."""
ANONYMOUS = ""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def expect(self, status: int) -> Any:
        """The body of an answer that has this status."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body[:500]!r}"
        return self.json

    @property
    def throttled_s(self) -> float:
        """How long one waits, in seconds, whom a route's throttle has refused."""
        self.problem(429, "throttled")
        return float(self.headers["retry-after"])

    def problem(self, status: int, code: str, field: str | None = None) -> dict[str, Any]:
        """The problem of an answer that has this status and code, and names this field."""
        found: dict[str, Any] = self.expect(status)
        assert self.headers["content-type"] == "application/problem+json", self.headers
        assert found["code"] == code, found
        assert found["status"] == status
        assert found["detail"]
        assert found["traceId"]
        if field is not None:
            assert field in [error["field"] for error in found["errors"]], found
        return found


@dataclass
class Customer:
    """A registered customer, and the token of a session."""

    user_id: str
    email: str
    password: str
    token: str = field(repr=False)


class Client:
    """Requests to one shop. `token` is a bearer token; `ANONYMOUS` sends none; by default it is the administrator's.

    `settle_s` is how long an order may take to get where a test expects it, in seconds.
    """

    def __init__(self, url: str, admin: str, session: aiohttp.ClientSession, settle_s: float = SETTLE_S) -> None:
        self.url = url
        self.admin = admin
        self.session = session
        self.settle_s = settle_s

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        data: object = None,
        patient: bool = True,
    ) -> Answer:
        """Make a request. `body` is sent as JSON, `data` as it is; `path` goes out as it stands.

        Where the route has too many requests it is made again when it may, if `patient`.
        """
        token = self.admin if token is None else token
        head = {"authorization": f"Bearer {token}"} if token else {}
        target = self.url + path + (f"?{urlencode(query)}" if query else "")
        while True:
            async with self.session.request(
                method,
                URL(target, encoded=True),
                data=json.dumps(body).encode() if body is not None else data,
                headers=head | dict(headers or {}),
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, response.headers, await response.read())
            if not (patient and answer.status == 429 and answer.json["code"] == "throttled"):
                return answer
            await asyncio.sleep(answer.throttled_s)

    async def new_customer(self, name: str = "Ada") -> Customer:
        """Register, and sign in."""
        email, password = f"{secrets.token_hex(6)}@example.org", "correct horse"
        account = {"email": email, "password": password, "name": name}
        profile = (await self.ask("POST", "/users", account, token=ANONYMOUS)).expect(201)
        session = await self.ask("POST", "/sessions", {"email": email, "password": password}, token=ANONYMOUS)
        return Customer(profile["userId"], email, password, session.expect(200)["token"])

    async def new_product(self, price: str = "2.50", inventory: int = 100, name: str = "Lamp") -> str:
        """Make a product. Returns its id."""
        product_id = f"p-{secrets.token_hex(6)}"
        content = {"name": name, "price": price, "inventory": inventory}
        (await self.ask("PUT", f"/products/{product_id}", content)).expect(201)
        return product_id

    async def stock(self, product_id: str) -> int:
        """The units of a product that are for sale now."""
        return int((await self.ask("GET", f"/products/{product_id}")).expect(200)["inventory"])

    async def place(self, body: Mapping[str, object], *, token: str | None = None) -> dict[str, Any]:
        """Place an order. Returns the receipt."""
        placed: dict[str, Any] = (await self.ask("POST", "/orders", body, token=token)).expect(201)
        return placed

    async def until(self, order_id: str, *statuses: str) -> dict[str, Any]:
        """The order, once it is in one of these states."""
        deadline = time.monotonic() + self.settle_s
        while True:
            order: dict[str, Any] = (await self.ask("GET", f"/orders/{order_id}")).expect(200)
            if order["status"] in statuses:
                return order
            assert time.monotonic() < deadline, f"{order['status']} and not {statuses}: {order['history']}"
            await asyncio.sleep(0.02)

    async def confirmed(self, body: Mapping[str, object], *, token: str | None = None) -> dict[str, Any]:
        """Place an order and wait until it is confirmed."""
        return await self.until((await self.place(body, token=token))["orderId"], "CONFIRMED")

    async def items(self, path: str, query: Mapping[str, str] | None = None, *, token: str | None = None) -> list[Any]:
        """All the items of a list, page by page."""
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            asked = {**(query or {}), **({"cursor": cursor} if cursor else {})}
            page = (await self.ask("GET", path, token=token, query=asked)).expect(200)
            assert set(page) >= {"items", "next"}
            found += page["items"]
            cursor = page["next"]
        return found

    async def mails(self, order_id: str, *subjects: str) -> list[dict[str, Any]]:
        """The mails of an order, once there is one for each of these words in their subjects."""
        deadline = time.monotonic() + self.settle_s
        while True:
            mails = await self.items("/mails", {"orderId": order_id})
            if all(any(word in mail["subject"] for mail in mails) for word in subjects):
                return mails
            assert time.monotonic() < deadline, f"{subjects} are not all in {mails}"
            await asyncio.sleep(0.02)

    async def payment(self, order_id: str) -> dict[str, Any] | None:
        """What payments and their provider know of an order."""
        books = await self.items("/books/payments")
        return next((book for book in books if book["orderId"] == order_id), None)

    async def money_settles(self, order_id: str, captured_minor: int, refunded_minor: int) -> dict[str, Any]:
        """The payment's book, once this much was taken and given back, by both sides' word."""
        deadline = time.monotonic() + self.settle_s
        due = (captured_minor, refunded_minor)
        while True:
            book = await self.payment(order_id)
            if book and _both(book, "captured") == (due[0], due[0]) and _both(book, "refunded") == (due[1], due[1]):
                return book
            assert time.monotonic() < deadline, f"{due} is due, and the book is {book}"
            await asyncio.sleep(0.02)

    async def stock_settles(self, product_id: str, units: int) -> None:
        """Return once this many units are for sale."""
        deadline = time.monotonic() + self.settle_s
        while (now := await self.stock(product_id)) != units:
            assert time.monotonic() < deadline, f"{now} in stock, and {units} are due"
            await asyncio.sleep(0.02)


def _both(book: Mapping[str, Any], what: str) -> tuple[int, int]:
    return book[f"{what}Minor"], book[f"provider{what.capitalize()}Minor"]


def lines(*products: tuple[str, int]) -> list[dict[str, object]]:
    """Order lines of these products and quantities."""
    return [{"productId": product_id, "quantity": quantity} for product_id, quantity in products]


def guest_order(*products: tuple[str, int], **more: object) -> dict[str, object]:
    """The body of a guest's order."""
    return {"email": "guest@example.org", "items": lines(*products), **more}
