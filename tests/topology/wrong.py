"""Wrong requests, made from the document: every value of every route replaced by those that do not fit."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_BODY = 1_048_576
REFUSED = frozenset({422})
BROKEN = frozenset({400})
EITHER = frozenset({400, 422})
"""For what may fail as JSON or as a value, by the parser's choice."""


@dataclass(frozen=True)
class Right:
    """A request that one operation takes: what its wrong ones differ from."""

    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Wrong:
    """A request with one fault, and the answer that is due. `named` is the field that the answer names."""

    name: str
    method: str
    target: str
    statuses: frozenset[int]
    named: str | None = None
    data: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False

    @property
    def payload(self) -> bytes | AsyncIterator[bytes] | None:
        """The body as the client sends it."""
        return _chunks(self.data) if self.chunked and self.data is not None else self.data


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65_536):
        yield data[start : start + 65_536]


class Document:
    """The shop's OpenAPI document."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """Method, path and description of each operation of a service, by its id."""
        return {
            description["operationId"]: (method.upper(), path, description)
            for path, methods in self.content["paths"].items()
            for method, description in methods.items()
            if "gateway" not in description["tags"]
        }

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema behind a reference."""
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            inner = schema if "$ref" in schema else schema["allOf"][0]
            rest = {name: value for name, value in schema.items() if name not in {"$ref", "allOf"}}
            schema = self.content["components"]["schemas"][inner["$ref"].rsplit("/", 1)[1]] | rest
        return schema

    def body_of(self, description: Mapping[str, Any]) -> dict[str, Any] | None:
        """The schema of an operation's body."""
        if "requestBody" not in description:
            return None
        return self.resolved(description["requestBody"]["content"]["application/json"]["schema"])


def wrong_requests(document: Document, operation: str, right: Right) -> Iterator[Wrong]:
    """Every wrong request of one operation."""
    method, template, description = document.operations()[operation]
    path = template.format_map(right.path)
    data = None if right.body is None else json.dumps(right.body).encode()
    yield from _wrong_paths(method, template, right, data)
    yield from _wrong_queries(method, path, description, data)
    yield from _wrong_headers(method, path, description, data)
    yield from _too_large(method, path)
    yield from _broken_bodies(method, path)
    schema = document.body_of(description)
    if schema is None:
        yield Wrong("a body not asked for", method, path, REFUSED, "unexpected", b'{"unexpected": 1}')
    else:
        assert right.body is not None
        for name, named, text in _wrong_values(document, schema, right.body, ""):
            statuses = EITHER if named is None else REFUSED
            yield Wrong(f"{name}: {text[:80]}", method, path, statuses, named, text.encode())


BAD_IDS = ("a%20b", "x" * 65, "%C3%A9", "%ff", "%00", "a%0A", "%F0%9F%92%A9", "a$b", "%ED%A0%80", "a%2500")


def _wrong_paths(method: str, template: str, right: Right, data: bytes | None) -> Iterator[Wrong]:
    for name in right.path:
        for bad in BAD_IDS:
            path = template.format_map({**right.path, name: bad})
            yield Wrong(f"path {name}={bad[:20]}", method, path, REFUSED, name, data)


def _wrong_queries(method: str, path: str, description: Mapping[str, Any], data: bytes | None) -> Iterator[Wrong]:
    def case(query: str, statuses: frozenset[int], named: str | None = None) -> Wrong:
        return Wrong(f"query {query[:40]}", method, f"{path}?{query}", statuses, named, data)

    if method not in {"GET", "DELETE"}:
        yield case("unexpected=1", REFUSED, "query")
        return
    yield case("unexpected=1", REFUSED, "unexpected")
    yield case("%ff=1", BROKEN)
    yield case("x=%ff", BROKEN)
    yield case("&".join(f"x{number}=1" for number in range(40)), BROKEN)
    yield case(f"x={'y' * 9_000}", frozenset({414}))
    for parameter in description["parameters"]:
        if parameter["in"] != "query":
            continue
        name, schema = parameter["name"], parameter["schema"]
        right = _right_text(schema)
        yield case(f"{name}={right}&{name}={right}", REFUSED, name)
        yield case(f"{name}=%ED%A0%80", BROKEN)
        for bad in _wrong_texts(schema):
            yield case(f"{name}={bad}", REFUSED, name)


def _right_text(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return str(schema["enum"][0])
    return "1" if schema.get("type") == "integer" else "x"


def _wrong_texts(schema: Mapping[str, Any]) -> Sequence[str]:
    if schema.get("type") == "integer":
        outside = (str(schema["minimum"] - 1), str(schema["maximum"] + 1))
        return (*outside, "", "abc", "1.5", "%201", "1_0", "0x1", "9" * 40, "-" + "9" * 40, "NaN", "1e999", "%00", "[]")
    return (
        ("%00", "x" * (schema.get("maxLength", 200) + 1), "%7F")
        if "enum" not in schema
        else ("", "pending", "NONE", "%00")
    )


def _wrong_headers(method: str, path: str, description: Mapping[str, Any], data: bytes | None) -> Iterator[Wrong]:
    if any(parameter["in"] == "header" for parameter in description["parameters"]):
        for bad in ("", "x" * 256, "a b", "schlüssel"):
            headers = {"Idempotency-Key": bad}
            yield Wrong(f"key {bad[:20]!r}", method, path, REFUSED, "idempotencyKey", data, headers)


def _too_large(method: str, path: str) -> Iterator[Wrong]:
    data = b'{"name": "' + b"x" * (MAX_BODY - 11) + b'"}'
    assert len(data) == MAX_BODY + 1
    for chunked in (False, True):
        name = "1 MB + 1, chunked" if chunked else "1 MB + 1"
        yield Wrong(name, method, path, frozenset({413}), None, data, {}, chunked)


def _broken_bodies(method: str, path: str) -> Iterator[Wrong]:
    broken = (b"{", b"{}{}", b"{'a': 1}", b'{"a": 1,}', b"nonsense", b"\xff\xfe{}", b'{"a": "\xff"}', b"\x00")
    for data in broken:
        yield Wrong(f"body {data!r}", method, path, EITHER, None, data)
    for opening in (b"[", b'{"a":'):
        yield Wrong(f"{opening!r} 100,000 deep", method, path, EITHER, None, opening * 100_000)
    for data in (b"[]", b"null", b'"x"', b"17", b"true"):
        yield Wrong(f"body {data!r}", method, path, REFUSED, "body", data)


Found = tuple[str, str | None, str]
"""What is wrong, the field that is to be named (None where the JSON itself may be to blame), and the JSON."""


def _wrong_values(document: Document, schema: dict[str, Any], right: Any, at: str) -> Iterator[Found]:
    """The whole body with one fault, for each fault of the object that stands at the path `at`."""
    for name, part in schema["properties"].items():
        where = f"{at}.{name}" if at else name
        part = document.resolved(part)
        for text, is_value in _wrong_json(part):
            yield f"wrong {where}", where if is_value else None, _with(right, name, text)
        if name in schema.get("required", ()):
            yield f"no {where}", where, json.dumps({key: value for key, value in right.items() if key != name})
        if part.get("type") == "array" and name in right:
            item = document.resolved(part["items"])
            for fault, named, text in _wrong_values(document, item, right[name][0], f"{where}[0]"):
                yield fault, named, _with(right, name, f"[{text}]")
            for text in ("null", "17", '"x"', "[]"):
                yield f"wrong {where}[0]", f"{where}[0]", _with(right, name, f"[{text}]")
            for count in (part["maxItems"] + 1, 5_000):
                many = json.dumps([right[name][0]] * count)
                yield f"{count} {where}", where, _with(right, name, many)
    unexpected = f"{at}.unexpected" if at else "unexpected"
    yield f"unknown {unexpected}", unexpected, _with(right, "unexpected", "1")


def _with(right: Mapping[str, Any], name: str, text: str) -> str:
    """The object as JSON, with this JSON text as one of its values."""
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in right.items() if key != name]
    return "{" + ", ".join([*parts, f"{json.dumps(name)}: {text}"]) + "}"


BROKEN_JSON = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", '"\\ud800"', '"\\udc00\\ud800"', "01", "tru")
"""What is no JSON, or a number or text that none can hold."""
NO_AMOUNTS = (
    *('"abc"', '"1.234"', "1.234", "-1", "-0.01", '"-1"', "100000000", '"100000000.00"', "1" * 40, '"NaN"', '""'),
    *('" 1"', '"1_0"', '"٣"', '"1,00"', '"0x10"', '"sNaN"', '"-Infinity"', f'"{"1" * 500}"', "1e40", "[]", "[[]]"),
)


def _wrong_json(schema: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """JSON texts that do not fit; and whether each is JSON at all, so that the field can be named."""
    yield from ((text, False) for text in BROKEN_JSON)
    yield from ((text, True) for text in ("true", "{}", '{"a": 1}'))
    if not any(choice.get("nullable") for choice in (schema, *schema.get("oneOf", ()))):
        yield "null", True
    by_type = {"integer": _no_integers, "string": _no_texts, "array": _no_arrays}
    fitting = by_type[schema["type"]](schema) if "type" in schema else NO_AMOUNTS
    yield from ((text, True) for text in fitting)


def _no_integers(schema: Mapping[str, Any]) -> Iterator[str]:
    for number in (schema["minimum"] - 1, schema["maximum"] + 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1.5):
        yield json.dumps(number)
    yield from ('"1"', "[]", "[[]]")


def _no_texts(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("17", "1.5", '"\\u0000"', '"a\\u0000b"', '"\\u001b[31m"', "[]", "[[]]")
    yield json.dumps("x" * (schema.get("maxLength", 300) + 1))
    if schema.get("minLength") or ("pattern" in schema and not schema["pattern"].endswith("*$")):
        yield '""'


def _no_arrays(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ('"x"', "17")
    if schema.get("minItems"):
        yield "[]"
