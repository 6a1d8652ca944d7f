"""Other spellings of a path: `//orders`, `/orders/`, `/x/../orders`, `/Orders` and `/orders;v=1` are `/orders` to many
a server. What Souk has taken over must not be reached by them in the application that had it before.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from souk_chassis.http.routing import path_pattern


def plain_path(path: str) -> str:
    """A path as the most forgiving server reads it, but for capital letters: decoded once more, without empty segments,
    `.`, `..`, what stands behind `;`, and a slash at its end. A backslash is a slash."""
    kept: list[str] = []
    for segment in unquote(path).replace("\\", "/").split("/"):
        name = segment.partition(";")[0]
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return "/" + "/".join(kept)


class Spellings:
    """Paths of an OpenAPI document, however they are written."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._patterns = [re.compile(path_pattern(path), re.IGNORECASE) for path in paths]

    def have(self, path: str) -> bool:
        """Whether some server takes this path for one of them."""
        plain = plain_path(path)
        return any(pattern.fullmatch(plain) for pattern in self._patterns)
