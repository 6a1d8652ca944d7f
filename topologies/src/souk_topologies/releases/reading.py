"""Whether a reader understands whatever a writer may write, given the form of each.

It errs on the side of refusing: where it can't tell, it says so. `souk_topologies.releases.forms` says what a form is.
"""

from collections.abc import Iterator
from enum import Enum
from operator import eq, ge, le
from typing import NamedTuple

from souk_topologies.releases.forms import WRITTEN, Form, alternatives

_BOUNDS = {
    "minLength": ("at least {} characters", ge),
    "maxLength": ("at most {} characters", le),
    "minItems": ("at least {} entries", ge),
    "maxItems": ("at most {} entries", le),
    "minimum": ("no less than {}", ge),
    "maximum": ("no more than {}", le),
    "exclusiveMinimum": ("more than {}", ge),
    "exclusiveMaximum": ("less than {}", le),
    "multipleOf": ("a multiple of {}", lambda writes, reads: writes % reads == 0),
    "pattern": ("the pattern {}", eq),
    "format": ("a {}", eq),
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


def troubles(writer: Form, reader: Form) -> list[Trouble]:
    """Why a value that is written in the form of `writer` may be misread by `reader`. Empty where it never is."""
    found = _Comparison(writer, reader).any_of(writer, reader, Trouble("", ""))
    return list(dict.fromkeys(each if each.path else each._replace(path="the whole") for each in found))


class _Comparison:
    """Compares two forms. A place in them is a Trouble without words; types that contain themselves come once."""

    def __init__(self, writer: Form, reader: Form) -> None:
        self._writer = writer
        self._reader = reader
        self._under_way: set[tuple[int, int]] = set()

    def any_of(self, written: Form, read: Form, at: Trouble) -> Iterator[Trouble]:
        """Each alternative that is written must be one of those that are read."""
        reads = list(alternatives(self._reader, read))
        for one in alternatives(self._writer, written):
            alike = [other for other in reads if _may_be_alike(one, other)]
            if not alike:
                yield at._replace(words=f"may be {_kind(one)}, and {' or '.join(map(_kind, reads))} is read")
                continue
            outcomes = [list(self._one(one, other, at)) for other in alike]
            if all(outcomes):
                yield from min(outcomes, key=len)

    def _one(self, written: Form, read: Form, at: Trouble) -> Iterator[Trouble]:
        pair = (id(written), id(read))
        if not read.keys() - {"title", "default", "examples"} or pair in self._under_way:
            return
        self._under_way.add(pair)
        yield from self._values(written, read, at)
        for name, (words, fits) in _BOUNDS.items():
            if name in read and not (name in written and fits(written[name], read[name])):
                yield at._replace(words=f"may be other than what is read: {words.format(read[name])}")
        if read.get("type") == "array":
            yield from self._entries(written, read, at)
        if read.get("type") == "object":
            yield from self._members(written, read, at)
        self._under_way.discard(pair)

    def _values(self, written: Form, read: Form, at: Trouble) -> Iterator[Trouble]:
        if "enum" not in read:
            return
        for value in written.get("enum", ()):
            if value not in read["enum"]:
                named = at._replace(owner=read["title"], field=str(value)) if "title" in read else at
                yield named._replace(words=f"may be {value}, which is not read")
        if "enum" not in written:
            yield at._replace(words=f"may be other than {', '.join(map(str, read['enum']))}")

    def _entries(self, written: Form, read: Form, at: Trouble) -> Iterator[Trouble]:
        fixed, known = written.get("prefixItems", []), read.get("prefixItems", [])
        if len(fixed) != len(known):
            words = f"has {len(fixed) or 'any number of'} places, and {len(known) or 'any number'} are read"
            yield at._replace(words=words)
            return
        entry = at._replace(path=f"{at.path}[]")
        for one, other in zip(fixed, known, strict=True):
            yield from self.any_of(one, other, entry)
        if isinstance(read.get("items"), dict):
            yield from self.any_of(written.get("items") or {}, read["items"], entry)

    def _members(self, written: Form, read: Form, at: Trouble) -> Iterator[Trouble]:
        fields: Form = written.get("properties", {})
        known: Form = read.get("properties", {})
        always: list[str] = written[WRITTEN] if WRITTEN in written else written.get("required", [])
        further = read.get("additionalProperties", True)
        here = {
            name: Trouble(f"{at.path}.{name}".removeprefix("."), "", read.get("title") or at.owner, name)
            for name in (*fields, *known, *read.get("required", []))
        }
        for name in read.get("required", []):
            if name not in always:
                absent = "may be left out" if name in fields else "is not there"
                yield here[name]._replace(words=f"{absent}, and is needed")
        for name, field in fields.items():
            if name in known:
                yield from self.any_of(field, known[name], here[name])
                said, heard = field.get("default"), known[name].get("default")
                if name not in always and "default" in field and "default" in known[name] and said != heard:
                    yield here[name]._replace(words=f"is left out where it is {said}, and is then read as {heard}")
            elif further is False:
                why = Why.UNKNOWN if name in always else Why.UNKNOWN_IF_USED
                yield here[name]._replace(words="is not known, and refused", why=why)
            elif isinstance(further, dict):
                yield from self.any_of(field, further, here[name])
        if WRITTEN in written:
            return
        if WRITTEN in read:  # what is written has any names: it is no struct
            yield at._replace(words=f"may have any fields, and {_kind(read)} is read")
        elif isinstance(further, dict):
            entry = at._replace(path=f"{at.path}[]")
            yield from self.any_of(written.get("additionalProperties", {}), further, entry)


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
    if "enum" in form:
        return f"one of {', '.join(map(str, form['enum']))}"
    kind = form.get("type", "anything")
    return str({"object": form.get("title", "an object"), "array": "a list"}.get(kind, kind))
