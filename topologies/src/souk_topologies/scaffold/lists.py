"""Where every service is listed: what a new one is added to, and what the architecture tests compare with services/*.

Everything else reads one of these lists, or the folders.
"""

import re
from dataclasses import dataclass

from souk_topologies.scaffold.faults import ScaffoldError


@dataclass(frozen=True)
class Listing:
    """A list of services in a file.

    `place` is a regular expression that finds it, as its only group. `{}` in `entry` stands for a service's name;
    `between` stands between two entries.
    """

    path: str
    what: str
    place: str
    entry: str
    between: str = ""

    def names(self, text: str) -> tuple[str, ...]:
        """The services that are listed, in order. Raises ScaffoldError where there is no such list."""
        pattern = re.escape(self.entry).replace(re.escape("{}"), r"(\w+)", 1).replace(re.escape("{}"), r"\1")
        return tuple(found[1] for found in re.finditer(pattern, text[slice(*self.span(text))]))

    def add(self, text: str, name: str) -> str:
        """The file with one service more, at the end of the list. Raises as `names` does."""
        last = self.entry.replace("{}", self.names(text)[-1])
        end = text.rindex(last, *self.span(text)) + len(last)
        return text[:end] + self.between + self.entry.replace("{}", name) + text[end:]

    def span(self, text: str) -> tuple[int, int]:
        """Where the list begins and ends. Raises as `names` does."""
        found = re.search(self.place, text, re.MULTILINE)
        if found is None:
            raise ScaffoldError(f"{self.path}: {self.what} can't be found")
        return found.span(1)


LISTINGS = (
    Listing(
        "topologies/src/souk_topologies/shop.py", "SERVICES", r"^SERVICES = \(([^)]*\"\w+\"[^)]*)\)$", '"{}"', ", "
    ),
    Listing(
        "topologies/pyproject.toml",
        "the list of dependencies",
        r'^    "souk-contracts",\n((?:    "souk-\w+\[container\]",\n)+)',
        '    "souk-{}[container]",\n',
    ),
    Listing(
        "pyproject.toml",
        "the table tool.uv.sources",
        r"^souk-contracts = \{ workspace = true \}\n((?:souk-(?!topologies\b)\w+ = \{ workspace = true \}\n)+)",
        "souk-{} = { workspace = true }\n",
    ),
    Listing(
        "pyproject.toml",
        "mypy_path",
        r'^mypy_path = \[.*?((?:"services/\w+/src"(?:, )?)+)',
        '"services/{}/src"',
        ", ",
    ),
    Listing(
        ".importlinter",
        "the list of root packages",
        r"^root_packages =\n    souk_chassis\n    souk_contracts\n((?:    souk_(?!topologies\b)\w+\n)+)",
        "    souk_{}\n",
    ),
    Listing(".importlinter", "the layer of services", r"^    (souk_\w+(?: \| souk_\w+)+)$", "souk_{}", " | "),
    Listing(".importlinter", "the list of containers", r"^containers =\n((?:    souk_\w+\n)+)", "    souk_{}\n"),
    Listing(
        "docs/README.md",
        "the list of READMEs",
        r"((?:\[\w+\]\(\.\./services/\w+/README\.md\)(?:,\s)?)+)",
        "[{}](../services/{}/README.md)",
        ", ",
    ),
)
"""Each of the lists."""
