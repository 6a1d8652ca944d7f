"""The words of a new service: its name in all the forms in which it stands in files, and which names can't be."""

import io
import keyword
import re
import sys
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass

from souk_topologies.scaffold.faults import ScaffoldError

MAX_NAME = 20
"""The most characters of a service's name, and of its singular."""
RESERVED = frozenset(
    {
        *("books", "bus", "chassis", "common", "contracts", "core", "docs", "gateway", "health", "helpers", "infra"),
        *("mailbox", "manager", "managers", "misc", "openapi", "operations", "operator", "postgres", "postgresql"),
        *("provision", "queues", "ready", "services", "shop", "souk", "static", "tests", "topologies", "trials"),
        *("util", "utils", "web"),
    }
)
"""Words that mean something else here: a part of the shop, a path of the gateway, or nothing at all."""
_SQL = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else end
except false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime
localtimestamp not null offset on only or order placing primary references returning select session_user some
symmetric system_user table then to trailing true union unique user using variadic when where window with
"""
SQL_WORDS = frozenset(_SQL.split())
"""What PostgreSQL takes for a word of its own where a table's name is due (its manual, appendix C)."""
_NO_PLURALS = ("ss", "us", "is")
"""How singulars end that might be taken for plurals: glass, status, analysis."""
SAMPLE = re.compile(r"[Ww]idgets?|WIDGETS?")
"""The name that the templates are written with, in its forms."""


@dataclass(frozen=True)
class Words:
    """A service's name: the plural noun, and the singular. Both are of a-z."""

    plural: str
    singular: str

    @property
    def label(self) -> str:
        """The name in logs, such as `review-service`."""
        return f"{self.singular}-service"

    def write(self, text: str) -> str:
        """The text of a template, or its path, about this service."""
        if self.singular[0] in "aeiou":
            text = re.sub(r"\b([Aa]) (?=widget\b)", r"\1n ", text)
        return SAMPLE.sub(self._form, text)

    def _form(self, found: re.Match[str]) -> str:
        word = self.plural if found[0].lower().endswith("s") else self.singular
        return word.upper() if found[0].isupper() else word.capitalize() if found[0][0].isupper() else word


def words_of(name: str, singular: str | None) -> Words:
    """The words of a service of that name. Raises ScaffoldError for a name that can't be one."""
    for word, what in ((name, "a service's name"), (singular, "a singular")):
        if word is not None and not re.fullmatch(rf"[a-z]{{1,{MAX_NAME}}}", word):
            raise ScaffoldError(f"{word!r} is not {what}: that is 1 to {MAX_NAME} lower-case letters of a-z")
    if keyword.iskeyword(name):
        raise ScaffoldError(f"{name} is a keyword of Python")
    made = Words(name, singular or _singular(name))
    if made.singular == name:
        raise ScaffoldError(f"{name}: a service's name is the plural of what it keeps, so not {made.singular} itself")
    for word in (made.plural, made.singular):
        if any(map(keyword.iskeyword, (word, word.capitalize()))) or keyword.issoftkeyword(word):
            raise ScaffoldError(f"{word} is a keyword of Python")
        if word in RESERVED:
            raise ScaffoldError(f"{word} has another meaning here: {made.plural} needs another name")
    if name in SQL_WORDS:
        raise ScaffoldError(f"{name} is a keyword of PostgreSQL")
    if name in sys.stdlib_module_names:
        raise ScaffoldError(f"{name} is a module of Python's own")
    return made


def _singular(name: str) -> str:
    """The singular of a regular plural. Raises ScaffoldError for another."""
    for end, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("s", "")):
        if name.endswith(end) and len(name) > len(end) and not name.endswith(_NO_PLURALS):
            return name.removesuffix(end) + instead
    raise ScaffoldError(f"{name} is no regular plural such as reviews: say what one of them is by --singular")


def meanings(templates: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The names in Python templates: those that are made of the service's name, as the templates have them, and all
    others, which mean something already. The name as it is, a module's, is left out: it is never used alone."""
    names = {
        token.string
        for text in templates
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME
    }
    made = {name for name in names if SAMPLE.search(name)}
    return frozenset(made - {"widgets"}), frozenset(names - made)
