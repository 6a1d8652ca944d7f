"""What names a shop has given: a new service must not bring one that is there already."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.words import Words, meanings

WHERE = (
    "contracts/src/souk_contracts/*.py",
    *(f"services/*/src/*/{name}.py" for name in ("tables", "records", "manifest")),
)
KINDS: Sequence[tuple[str, str]] = (
    ("{} in the contracts", r"^(?:class )?([A-Z]\w+)(?:\(| = (?:Operation|ErrorType)\()"),
    ("the operation {}", r'\bOperation\(\s*"(\w+)"'),
    ("the route /{}", r'\b(?:GET|POST|PUT|PATCH|DELETE)\("/([\w-]+)'),
    ("the table {}", r'\bTable\(\s*"(\w+)"'),
    ("the table {}", r'^class \w+\(Record, .*\bplural="(\w+)"'),
    ("the table {}s", r"^class (\w+)\(Record, (?!.*\bplural=)"),
    ("the label {}", r'^    "([a-z-]+-service)",$'),
)
"""Kinds of names, and how each is written."""


def names_in(texts: Iterable[str]) -> Iterator[str]:
    """All names of these kinds that stand in these files."""
    for text in texts:
        for kind, pattern in KINDS:
            yield from (kind.format(name) for name in re.findall(pattern, text, re.MULTILINE))


def check_names(root: Path, words: Words, templates: Mapping[str, str]) -> None:
    """Raise ScaffoldError where the service would bring a name that a file of the shop, or of its own, has already."""
    brought = set(names_in(words.write(text) for text in templates.values()))
    known = set(names_in(path.read_text("utf-8") for pattern in WHERE for path in root.glob(pattern)))
    if both := sorted(brought & known):
        raise ScaffoldError(f"there is {both[0]} already: {words.plural} needs another name")
    made, others = meanings(text for path, text in templates.items() if path.endswith(".py"))
    if clash := sorted(others & {words.write(name) for name in made}):
        raise ScaffoldError(f"{clash[0]} means something else in every service: {words.plural} needs another name")
