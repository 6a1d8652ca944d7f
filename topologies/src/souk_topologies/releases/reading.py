"""Whether a reader understands whatever a writer may write, given the form of each.

It errs on the side of refusing: where it can't tell, it says so. `souk_topologies.releases.forms` says what a form is.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from souk_topologies.releases.forms import WRITTEN, Form, alternatives

_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minLength": ("at least {} characters", lambda writes, reads: writes >= reads),
    "maxLength": ("at most {} characters", lambda writes, reads: writes <= reads),
    "minItems": ("at least {} entries", lambda writes, reads: writes >= reads),
    "maxItems": ("at most {} entries", lambda writes, reads: writes <= reads),
    "minimum": ("no less than {}", lambda writes, reads: writes >= reads),
    "maximum": ("no more than {}", lambda writes, reads: writes <= reads),
    "exclusiveMinimum": ("more than {}", lambda writes, reads: writes >= reads),
    "exclusiveMaximum": ("less than {}", lambda writes, reads: writes <= reads),
    "multipleOf": ("a multiple of {}", lambda writes, reads: writes % reads == 0),
    "pattern": ("the pattern {}", lambda writes, reads: writes == reads),
    "format": ("a {}", lambda writes, reads: writes == reads),
}
"""What a reader may demand of a value, and when what the writer keeps to is enough."""


class Why(Enum):
    """What sort of trouble it is."""

    UNKNOWN = "unknown"
    """The reader refuses a field that the writer always writes."""
    UNKNOWN_IF_USED = "unknown if used"
    """The reader refuses a field that the writer writes where it makes use of it."""
    OTHER = "other"


class Trouble(NamedTuple):
    """Something that the reader does not understand. `path` is the place in the message, such as `items[].productId`;
    `owner` and `field` name it by its type, or an enumeration and its value."""

    path: str
    words: str
    owner: str = ""
    field: str = ""
    why: Why = Why.OTHER


class _At(NamedTuple):
    path: str = ""
    owner: str = ""
    field: str = ""

    def member(self, name: str, owner: str) -> "_At":
        return _At(f"{self.path}.{name}".removeprefix("."), owner, name)

    def entry(self) -> "_At":
        return self._replace(path=f"{self.path}[]")

    def trouble(self, words: str, why: Why = Why.OTHER) -> Trouble:
        return Trouble(self.path or "the whole", words, self.owner, self.field, why)


def troubles(writer: Form, reader: Form) -> list[Trouble]:
    """Why a value that is written in the form of `writer` may be misread by `reader`. Empty where it never is."""
    return list(dict.fromkeys(_Comparison(writer, reader).any_of(writer, reader, _At())))


class _Comparison:
    """Compares two forms. Types that contain themselves are compared once."""

    def __init__(self, writer: Form, reader: Form) -> None:
        self._writer = writer
        self._reader = reader
        self._under_way: set[tuple[int, int]] = set()

    def any_of(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        """Each alternative that is written must be one of those that are read."""
        reads = list(alternatives(self._reader, read))
        for one in alternatives(self._writer, written):
            alike = [other for other in reads if _may_be_alike(one, other)]
            if not alike:
                yield at.trouble(f"may be {_kind(one)}, and {' or '.join(map(_kind, reads))} is read")
                continue
            outcomes = [list(self._one(one, other, at)) for other in alike]
            if all(outcomes):
                yield from min(outcomes, key=len)

    def _one(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        pair = (id(written), id(read))
        if not read.keys() - {"description", "title", "default"} or pair in self._under_way:
            return
        self._under_way.add(pair)
        yield from self._values(written, read, at)
        for name, (words, fits) in _BOUNDS.items():
            if name in read and not (name in written and fits(written[name], read[name])):
                yield at.trouble(f"may be other than what is read: {words.format(read[name])}")
        if read.get("type") == "array":
            yield from self._entries(written, read, at)
        if read.get("type") == "object":
            yield from self._members(written, read, at)
        self._under_way.discard(pair)

    def _values(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        if "enum" in read:
            for value in written.get("enum", ()):
                if value not in read["enum"]:
                    named = at if "title" not in read else at._replace(owner=read["title"], field=str(value))
                    yield named.trouble(f"may be {value}, which is not read")
            if "enum" not in written:
                yield at.trouble(f"may be other than {', '.join(map(str, read['enum']))}")

    def _entries(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        fixed, known = written.get("prefixItems", []), read.get("prefixItems", [])
        if bool(fixed) != bool(known) or len(fixed) != len(known):
            yield at.trouble(f"has {len(fixed) or 'any number of'} places, and {len(known) or 'any number'} are read")
            return
        for one, other in zip(fixed, known, strict=True):
            yield from self.any_of(one, other, at.entry())
        if isinstance(read.get("items"), dict):
            yield from self.any_of(written.get("items") or {}, read["items"], at.entry())

    def _members(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        title = read.get("title") or at.owner
        fields: Form = written.get("properties", {})
        known: Form = read.get("properties", {})
        always: list[str] = written[WRITTEN] if WRITTEN in written else written.get("required", [])
        further = read.get("additionalProperties", True)
        for name in read.get("required", []):
            if name not in always:
                words = "may be left out, and is needed" if name in fields else "is not there, and is needed"
                yield at.member(name, title).trouble(words)
        for name, field in fields.items():
            here = at.member(name, title)
            if name in known:
                yield from self.any_of(field, known[name], here)
                if name not in always and "default" in field:
                    yield from self._default(field["default"], known[name], here)
            elif further is False:
                yield here.trouble("is not known, and refused", Why.UNKNOWN if name in always else Why.UNKNOWN_IF_USED)
            elif isinstance(further, dict):
                yield from self.any_of(field, further, here)
        if WRITTEN not in written:
            yield from self._mapping(written, read, at)

    def _default(self, said: Any, read: Form, at: _At) -> Iterator[Trouble]:
        """What is left out says the writer's default, and the reader takes its own."""
        heard = read.get("default", said)
        if heard != said:
            yield at.trouble(f"is left out where it is {said}, and is then read as {heard}")

    def _mapping(self, written: Form, read: Form, at: _At) -> Iterator[Trouble]:
        """What is written has any names: it is no struct."""
        if WRITTEN in read:
            yield at.trouble(f"may have any fields, and {_kind(read)} is read")
        elif isinstance(read.get("additionalProperties"), dict):
            yield from self.any_of(written.get("additionalProperties", {}), read["additionalProperties"], at.entry())


def _may_be_alike(written: Form, read: Form) -> bool:
    """Whether it makes sense to look closer: the reader takes this type of JSON at all."""
    if "type" not in read and "enum" not in read:
        return True
    writes, reads = _types(written), _types(read)
    return writes <= reads or (writes == {"integer"} and "number" in reads)


def _types(form: Form) -> set[str]:
    if "enum" in form:
        return {"integer" if isinstance(value, int) else "string" for value in form["enum"]}
    return {form.get("type", "anything")}


def _kind(form: Form) -> str:
    """A form in a word or two, for people."""
    words = {"object": form.get("title", "an object"), "array": "a list", "null": "null"}
    if "enum" in form:
        return f"one of {', '.join(map(str, form['enum']))}"
    return str(words.get(form.get("type", "anything"), form.get("type", "anything")))
