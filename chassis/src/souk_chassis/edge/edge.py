"""What the gateway answers itself, the same in one process, before processes and containers, and beside API Gateway."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.edge.spelling import Spellings
from souk_chassis.edge.takeover import Takeover
from souk_chassis.http.exchange import Answer, failed
from souk_chassis.http.health import CHECK_TIMEOUT_S, HEALTHY, JSON, Check, ready_answer
from souk_chassis.http.routing import READING, Entry, Routes, entries, in_json, refused
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent

GATEWAY = "gateway"
"""The tag of what the gateway answers itself."""
FILES = "/static/"
"""How the paths of the pages' files begin: none of them is ever written."""
EVERYTHING = Takeover()
"""There is no other application: all is Souk's."""


class Page(msgspec.Struct, frozen=True):
    """A file that is served as it is, with its headers."""

    file: str
    headers: dict[str, str]

    def answer(self, given: Mapping[str, str]) -> Answer:
        """The answer to a request with these headers: 304 where the client has this version. Raises OSError."""
        file = Path(self.file)
        etag = _etag(file, file.stat().st_mtime_ns)
        headers = [(name.encode(), value.encode()) for name, value in {**self.headers, "etag": etag}.items()]
        return (304, headers, b"") if etag in given.get("if-none-match", "") else (200, headers, file.read_bytes())


@lru_cache(maxsize=256)
def _etag(file: Path, _modified_ns: int) -> str:
    """Of the content: files of an archive have all the same time."""
    return f'"{blake2b(file.read_bytes(), digest_size=16).hexdigest()}"'


def read_edge(folder: Path) -> tuple[dict[str, Any], dict[str, Page]]:
    """The document and the pages by path, from a folder with `openapi.json` and `pages.json`. Raises OSError, and what
    `wire.UNREADABLE` lists."""
    pages = wire.decode((folder / "pages.json").read_bytes(), dict[str, Page])
    found = {path: Page(str(folder / page.file), page.headers) for path, page in pages.items()}
    return msgspec.json.decode((folder / "openapi.json").read_bytes(), type=dict[str, Any]), found


class Edge:
    """Health, readiness, the document, the public keys, pages, 404 and 405. `entries` are the document's operations."""

    def __init__(
        self,
        document: Mapping[str, Any],
        pages: Mapping[str, Page],
        jwks: bytes,
        checks: Mapping[str, Check],
        log: Log,
        takeover: Takeover = EVERYTHING,
        *,
        beside: Mapping[str, Check] | None = None,
        check_timeout_s: float = CHECK_TIMEOUT_S,
    ) -> None:
        """What `takeover` does not claim is left out. `checks` and `beside` as in `readiness`.

        Raises ValueError where the document names an operation of the gateway's that it does not have, or asks for a
        token there.
        """
        document = takeover.restrict(document, GATEWAY)
        self.entries = entries(document)
        self.takeover = takeover
        self.pages = {path: page for path, page in pages.items() if takeover.claims(path)}
        self._own = {
            "/health": HEALTHY,
            "/openapi.json": (200, JSON, in_json(document)),
            "/.well-known/jwks.json": (200, JSON, jwks),
        }
        self._checks, self._beside, self._check_timeout_s = checks, beside, check_timeout_s
        self._log = log
        for entry in self.entries:
            if entry.tag == GATEWAY and (entry.needs_token or entry.path not in {*self._own, "/ready"}):
                raise ValueError(f"the gateway does not answer {entry.method} {entry.path} to everybody")
        of_pages = [(path, "GET", page) for path, page in self.pages.items()]
        self._routes = Routes[Entry | Page]([*((each.path, each.method, each) for each in self.entries), *of_pages])
        self._spellings = Spellings({entry.path for entry in self.entries if entry.tag != GATEWAY})

    async def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Answer | None:
        """The answer to a request for no service's operation. None: it is for another application."""
        traceparent = accept_traceparent(headers.get("traceparent"))
        methods, _ = self._routes.at(path)
        found = methods.get(method)
        try:
            if isinstance(found, Page):
                return found.answer(headers)
            if found is not None and found.tag == GATEWAY:
                return self._own.get(path) or await ready_answer(self._checks, self._beside, self._check_timeout_s)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            return failed(error, traceparent, self._log, path)
        allowed: Iterable[str] = methods
        if not methods and method not in READING and path.startswith(FILES) and self.takeover.claims(path):
            allowed = READING
        elif not methods and self.takeover.passes_on(path) and not self._spellings.have(path):
            return None
        return refused(method, allowed, traceparent)
