"""Keys and tokens, an app called without a network, and one behind a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import uvicorn
from starlette.types import ASGIApp

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.testing import asgi
from souk_chassis.testing.asgi import Answer
from souk_chassis.testing.waiting import until


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


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave pytest's signals alone."""
        yield


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[ASGIApp], Awaitable[str]]]:
    """Serves an app on a loopback port. Returns its URL."""
    running: list[tuple[_Server, asyncio.Task[None]]] = []

    async def serve(app: ASGIApp) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(app, loop="none", http="httptools", lifespan="off", proxy_headers=False, log_config=None)
        )
        task = asyncio.create_task(server.serve([listener]))
        running.append((server, task))
        await until(lambda: server.started or task.done())
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for server, task in running:
        server.should_exit = server.force_exit = True
        await task
