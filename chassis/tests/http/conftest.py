"""Keys and tokens, and an app called without a network."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.testing import asgi
from souk_chassis.testing.asgi import Answer


@pytest.fixture(scope="session")
def signing_keys() -> dict[str, SigningKey]:
    """A key for each issuer."""
    return {issuer: new_key(issuer) for issuer in ("users", "orders", "operator", "books", "gateway")}


@pytest.fixture(scope="session")
def public_keys(signing_keys: dict[str, SigningKey]) -> PublicKeys:
    return PublicKeys({issuer: key.private.public_key() for issuer, key in signing_keys.items()})


@pytest.fixture(scope="session")
def bearer(signing_keys: dict[str, SigningKey]) -> Callable[[Role], dict[str, str]]:
    """The header by which someone of this role calls."""

    def make(role: Role) -> dict[str, str]:
        issuer = "orders" if role is Role.GUEST else "users"
        token = sign_public(signing_keys[issuer], Identity(role, "u1"), issued_at=datetime.now(UTC), lifetime_s=60)
        return {"authorization": f"Bearer {token}"}

    return make


@pytest.fixture(scope="session")
def ask() -> Callable[..., Awaitable[Answer]]:
    """Calls an ASGI app directly."""
    return asgi.ask
