"""The files of a package: what of the members' sources and of the wheels goes into it, and what is left out."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from souk_topologies.packages.imports import importable

LEFT_OUT: Mapping[str, str] = {
    "*.dist-info/*": "what installers wrote; no code here asks importlib.metadata at run time",
    "*/__pycache__/*": "byte code is made for the function's own paths",
    "bin/*": "commands",
    "cffi/*": "makes bindings; those that are made need _cffi_backend alone",
    "pycparser/*": "a parser of C, for making bindings",
    "*.pyi": "types, for checkers",
    "*/py.typed": "types, for checkers",
    "*.pyx": "what compiled modules were made of",
    "*.px[di]": "what compiled modules were made of",
    "*.c": "what compiled modules were made of",
    "*.h": "what compiled modules were made of",
    "*/tests/*": "tests",
    "*/_testcapi.*": "tests",
    "aiohttp/test_utils.py": "tests",
    "aiohttp/pytest_plugin.py": "tests",
    "aiohttp/web*.py": "its server: payments uses the client, for Stripe",
    "aiohttp/worker.py": "its server",
    "aiohttp/_websocket/*.so": "websockets, which no service speaks; aiohttp has them in Python besides",
    "souk_chassis/testing/*": "contract suites and doubles, for tests",
    "souk_chassis/runtimes/asgi.py": "the containers' runtime",
    "souk_chassis/engine/worker.py": "the containers' runtime",
    "*.sql": "schemas of PostgreSQL",
    "*/storage/*memory.py": "stores in memory, for tests and trials",
}
"""Patterns of paths that no package holds, with the reason. What imports, as it is itself imported, something that the
package does not hold, is left out besides, and needs no line here: the adapters of PostgreSQL, the HTTP server."""


def contents(members: Iterable[Path], wheels: Path) -> dict[str, bytes]:
    """The files of a package by their paths in it. `wheels` is a folder that the wheels were installed into."""
    theirs = _files(wheels)
    ours = {path: data for member in members for path, data in _files(member / "src").items()}
    return theirs | importable(ours, {path.split("/")[0].split(".")[0] for path in theirs})


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _kept(folder)}


def _kept(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = name.startswith(".")
        if path.is_file() and not hidden and not any(fnmatchcase(name, pattern) for pattern in LEFT_OUT):
            yield path
