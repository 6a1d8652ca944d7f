"""Who may call what: every route, without a token, with every kind of bad one, and with one for somebody else."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.topology.client import ANONYMOUS, Client, Customer, guest_order
from tests.topology.running import Shop
from tests.topology.wrong import Document


def private_key(shop: Shop, issuer: str) -> Ed25519PrivateKey:
    """An issuer's private key, out of the data directory: what no caller has."""
    key = load_pem_private_key((shop.folder / "keys" / f"{issuer}.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token of an administrator says."""
    now = datetime.now(UTC)
    good = {"iss": "operator", "aud": "souk", "iat": now, "exp": now + timedelta(hours=1), "role": "admin", "sub": "x"}
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(key: Ed25519PrivateKey, content: Mapping[str, Any], kid: str | None = "operator") -> str:
    """A token with this content."""
    return jwt.encode(dict(content), key, algorithm="EdDSA", headers={"kid": kid} if kid else {})


def encoded(part: object) -> str:
    """A part of a token."""
    data = part if isinstance(part, bytes) else json.dumps(part, default=lambda at: int(at.timestamp())).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_public_key_as_secret(folder: Path, algorithm: str) -> str:
    """The old trick: an HMAC token whose secret is the public key, in the form that the shop publishes."""
    keys = json.loads((folder / "keys" / "jwks.json").read_text())["keys"]
    public = next(key["x"] for key in keys if key["kid"] == "operator")
    text = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': 'operator'})}.{encoded(claims())}"
    secret = base64.urlsafe_b64decode(public + "==")
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def bad_tokens(shop: Shop) -> dict[str, tuple[str, str]]:
    """Tokens that must not be taken, with the code that each is refused with."""
    operator, orders, payments = (private_key(shop, name) for name in ("operator", "orders", "payments"))
    now = datetime.now(UTC)
    old = now - timedelta(hours=2)
    good = signed(operator, claims())
    head, body, signature = good.split(".")
    nothing = encoded({"alg": "none", "typ": "JWT", "kid": "operator"})
    other_body = encoded(claims(sub="someone-else"))
    forged = {
        "garbage": "garbage",
        "two dots": "a.b.c",
        "alg none": f"{nothing}.{body}.",
        "alg None": f"{encoded({'alg': 'None', 'kid': 'operator'})}.{body}.{signature}",
        "HS256 with the public key": with_public_key_as_secret(shop.folder, "HS256"),
        "HMAC that says EdDSA": with_public_key_as_secret(shop.folder, "EdDSA"),
        "a key of one's own": signed(Ed25519PrivateKey.generate(), claims()),
        "another issuer's key": signed(payments, claims()),
        "an unknown key id": signed(operator, claims(), "nobody"),
        "no key id": signed(operator, claims(), None),
        "a key id that is a path": signed(operator, claims(), "../operator"),
        "another body": f"{head}.{other_body}.{signature}",
        "no signature": f"{head}.{body}.",
        "a cut signature": good[:-6],
        "another audience": signed(operator, claims(aud="orders")),
        "no audience": signed(operator, claims(aud=None)),
        "no end": signed(operator, claims(exp=None)),
        "no role": signed(operator, claims(role=None)),
        "an unknown role": signed(operator, claims(role="root")),
        "a service's role": signed(operator, claims(role="service")),
        "another issuer's name": signed(operator, claims(iss="users")),
        "an administrator by the orders service": signed(orders, claims(iss="orders"), "orders"),
        "a service that issues none": signed(payments, claims(iss="payments"), "payments"),
        "issued in the future": signed(operator, claims(iat=now + timedelta(hours=1), exp=now + timedelta(hours=2))),
        "far too long": good + "x" * 10_000,
        "not ASCII": good + "ü",
        "two tokens": f"{good} {good}",
    }
    expired = {"expired": signed(operator, claims(iat=old, exp=now - timedelta(minutes=1)))}
    return {name: (token, "invalid_token") for name, token in forged.items()} | {
        name: (token, "expired_token") for name, token in expired.items()
    }


async def routes(shop: Client, *, with_authorizer: bool = False) -> list[tuple[str, str, str]]:
    """Method, path and declared access of every route; of those alone that take a token, where it is said so."""
    document = Document((await shop.ask("GET", "/openapi.json")).expect(200))
    return [
        (method, re.sub(r"\{(\w+)\}", r"some-\1", path), description["x-souk-access"])
        for method, path, description in document.operations().values()
        if not with_authorizer or any("bearer" in scheme for scheme in description["security"])
    ]


async def test_a_bad_token_is_refused_everywhere_before_anything_is_read(shop: Client, every_topology: Shop) -> None:
    before = await every_topology.row_counts()
    for name, (token, code) in bad_tokens(every_topology).items():
        for method, path, _ in await routes(shop, with_authorizer=every_topology.has_authorizer):
            answer = await shop.ask(method, path, {"nonsense": 1}, token=token)
            assert answer.status == 401, (name, method, path, answer)
            answer.problem(401, code)
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await every_topology.row_counts() == before


async def test_the_good_token_that_the_bad_ones_were_made_from(shop: Client, every_topology: Shop) -> None:
    good = signed(private_key(every_topology, "operator"), claims())
    (await shop.ask("GET", "/orders", token=good)).expect(200)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x"])
async def test_another_form_of_authorization(shop: Client, every_topology: Shop, value: str) -> None:
    for path in ("/orders", *(() if every_topology.has_authorizer else ("/products",))):
        answer = await shop.ask("GET", path, token=ANONYMOUS, headers={"authorization": value})
        answer.problem(401, "invalid_token")


async def test_no_token_opens_what_is_public_alone(shop: Client) -> None:
    for method, path, access in await routes(shop):
        answer = await shop.ask(method, path, {"nonsense": 1} if method != "GET" else None, token=ANONYMOUS)
        if access == "public":
            assert answer.status in {200, 404, 422}, (method, path, answer)
        else:
            answer.problem(401, "sign_in")


async def test_customers_and_guests_do_not_do_what_administrators_do(
    shop: Client, every_topology: Shop, ada: Customer
) -> None:
    lamp = await shop.new_product()
    guest = (await shop.place(guest_order((lamp, 1)), token=ANONYMOUS))["token"]
    before = await every_topology.row_counts()
    for method, path, access in await routes(shop):
        if access == "admin":
            for token in (ada.token, guest):
                (await shop.ask(method, path, {"nonsense": 1}, token=token)).problem(403, "not_allowed")
        elif access == "customer":
            (await shop.ask(method, path, token=guest)).problem(403, "not_allowed")
    assert await every_topology.row_counts() == before


async def test_operations_between_services_have_no_public_route(shop: Client) -> None:
    for operation in ("quote", "find_order_states", "find_contacts"):
        asked = await shop.ask("POST", f"/operations/{operation}", {"productIds": [], "orderIds": [], "userIds": []})
        asked.problem(404, "no_such_route")
