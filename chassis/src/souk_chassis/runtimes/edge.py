"""What is no service's, as files of a folder: the document and the pages. A function and a container serve the same."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.http.exchange import Answer
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.http.spelling import Spellings, path_pattern
from souk_chassis.http.takeover import Takeover

GATEWAY = "gateway"
"""The tag of what the gateway answers itself."""
FILES = "/static/"
"""How the paths of the pages' files begin: none of them is ever written."""
READING = frozenset({"GET", "HEAD"})
EVERYTHING = Takeover()
"""There is no other application: all is Souk's."""


class Page(msgspec.Struct, frozen=True):
    """A file that is served as it is, with its headers."""

    file: str
    headers: dict[str, str]


class Edge:
    """What is no service's: health, the document, the public keys, pages, and everything that is not there."""

    def __init__(self, folder: Path, jwks: bytes, takeover: Takeover = EVERYTHING) -> None:
        """Reads from the folder `openapi.json`, and `pages.json`: pages by path. What `takeover` does not claim is
        left out."""
        written = (folder / "openapi.json").read_bytes()
        self.document: Mapping[str, Any] = msgspec.json.decode(written)
        if takeover.taken_over is not None:
            self.document = takeover.restrict(self.document, GATEWAY)
            written = msgspec.json.format(msgspec.json.encode(self.document), indent=2) + b"\n"
        self.fixed = {"/health": b'{"status":"ok"}', "/openapi.json": written, "/.well-known/jwks.json": jwks}
        pages = wire.decode((folder / "pages.json").read_bytes(), dict[str, Page])
        self.pages = {path: page for path, page in pages.items() if takeover.claims(path)}
        self._has_files = takeover.claims(FILES.rstrip("/"))
        self._folder = folder
        paths = self.document["paths"]
        self._allowed = [(re.compile(path_pattern(path)), [each.upper() for each in paths[path]]) for path in paths]
        self._spellings = Spellings(
            path for path in paths if not any(GATEWAY in each.get("tags", ()) for each in paths[path].values())
        )

    def read(self, page: Page) -> bytes:
        """A page's content."""
        return (self._folder / page.file).read_bytes()

    def knows_nothing_of(self, path: str, method: str) -> bool:
        """Whether there is nothing at this path, by whatever method, and it is no other spelling of a service's."""
        return not self._methods(path, method) and not self._spellings.have(path)

    def refuse(self, path: str, method: str, traceparent: str) -> Answer:
        """What answers where no route fits: 405 where another method would, else 404."""
        methods = self._methods(path, method)
        if not methods:
            return render(EdgeError(404, "no_such_route", "There is nothing here."), traceparent)
        error = EdgeError(405, "method_not_allowed", f"{method} is not possible here.")
        status, headers, body = render(error, traceparent)
        return status, [*headers, (b"allow", ", ".join(sorted(methods)).encode())], body

    def _methods(self, path: str, method: str) -> set[str]:
        is_file = self._has_files and path.startswith(FILES) and method not in READING
        methods = READING if is_file or path in self.pages or path in {*self.fixed, "/ready"} else frozenset()
        return {*methods, *(each for pattern, found in self._allowed if pattern.fullmatch(path) for each in found)}
