"""Calls an ASGI app directly, without a server or a network."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What an app answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


async def ask(
    app: Callable[..., Awaitable[None]],
    method: str,
    path: str,
    *,
    chunks: Sequence[bytes] = (b"",),
    query: bytes = b"",
    headers: Mapping[str, str] | None = None,
    length: bool = True,
) -> Answer:
    """Make a request. `chunks` is the body in several pieces; without `length` it has no Content-Length.

    Raises AssertionError where the app does not answer once.
    """
    given = {"content-length": str(sum(map(len, chunks))), **(headers or {})}
    if not length:
        del given["content-length"]
    incoming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    incoming[-1]["more_body"] = False
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
    }
    await app(scope, receive, send)
    if [message["type"] for message in sent].count("http.response.start") != 1:
        raise AssertionError(f"{method} {path} was answered with {sent}")
    start, *bodies = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(message.get("body", b"") for message in bodies))
