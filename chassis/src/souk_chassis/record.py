"""Records: what a service keeps, declared once for every engine.

    class Review(Record, key=("product_id", "customer_id")):
        product_id: str
        customer_id: str
        stars: int
        created_at: datetime

        by_product = Listed("product_id", newest_first="created_at")

The engines (memory, PostgreSQL, DynamoDB) read the declaration as a `Schema`. Nothing else is written for a record: no
adapter, no SQL, no migration. A field is added with a default, so that what is stored can still be read.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import inspect

from souk_chassis import wire
from souk_chassis.errors import ErrorKind, ErrorType, invalid

Key = Any
"""The value of a record's key field; a tuple of values where the key has several fields."""

MAX_RECORD = 300_000
"""The most bytes of one record as JSON: DynamoDB takes 400 KB an item, its lists' attributes included."""
MAX_KEY = 300
"""The most bytes of all fields together that a record's key, lists and unique values are made of: a cursor carries some
of them, and has to fit into a query."""

RecordTooLarge = ErrorType(ErrorKind.INVALID, "record_too_large", "This is more than one record can hold.")
NotUnique = ErrorType(ErrorKind.CONFLICT, "not_unique", "Another record has this value already.")

_CURSOR = msgspec.json.Decoder(list[str | int])


class RecordError(TypeError):
    """A declaration that is invalid. The message names the record."""


class Listed:
    """A list of records: those with the same values of the fields `by`, in the order of one more field, then the key.

    `newest_first` sorts downwards, `ordered_by` upwards; without either the key alone decides. A record of which one
    of these fields is None is not in the list. A list has to be `spread` over partitions of DynamoDB where it has few
    values of `by`: one partition takes 1,000 writes a second. A list of all records always is.
    """

    def __init__(self, *by: str, newest_first: str = "", ordered_by: str = "", spread: bool = False) -> None:
        if newest_first and ordered_by:
            raise RecordError("a list is sorted by `newest_first` or by `ordered_by`, not by both")
        self.by = by
        self.order = newest_first or ordered_by
        self.descending = bool(newest_first)
        self.spread = spread or not by
        self.name = ""
        self.record: type[Record] = Record

    def __set_name__(self, owner: "type[Record]", name: str) -> None:
        self.record, self.name = owner, name

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that place a record in the list, beside its key."""
        return (*self.by, self.order) if self.order else self.by

    def cursor(self, record: "Record") -> str:
        """The position after `record`: opaque text that a caller can hand back."""
        return self.after(*(getattr(record, name) for name in self.sort_fields))

    def after(self, *place: Any) -> str:
        """The position after these values of `sort_fields`, whether or not there is such a record."""
        values = [self.name, *map(_plain, place)]
        return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")

    @property
    def sort_fields(self) -> tuple[str, ...]:
        """The fields that order the list: no two records have the same values of them."""
        key = schema_of(self.record).key
        return (self.order, *key) if self.order else key

    def position(self, cursor: str) -> tuple[Any, ...]:
        """The values of `sort_fields` that a cursor carries. Raises SoukError `invalid_cursor`."""
        try:
            name, *values = _CURSOR.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            kinds = [schema_of(self.record).kinds[field] for field in self.sort_fields]
            place = tuple(_read(kind, value) for kind, value in zip(kinds, values, strict=True))
        except (ValueError, msgspec.MsgspecError) as error:
            raise _bad_cursor() from error
        if name != self.name or any("\0" in value for value in place if isinstance(value, str)):
            raise _bad_cursor()
        return place


class Unique:
    """Values of these fields that no two records of the type share. A record of which one is None claims nothing."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields
        self.name = ""
        self.record: type[Record] = Record

    def __set_name__(self, owner: "type[Record]", name: str) -> None:
        self.record, self.name = owner, name


class _RecordType(msgspec.StructMeta):
    """Reads the declaration out of the class statement: `key`, `expires` and `plural`."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        key: str | tuple[str, ...] = (),
        expires: str = "",
        plural: str = "",
        **options: Any,
    ) -> Any:
        made = super().__new__(mcs, name, bases, namespace, frozen=True, kw_only=True, **options)
        made.__record_key__ = (key,) if isinstance(key, str) else tuple(key)  # type: ignore[attr-defined]
        made.__record_expires__ = expires or None  # type: ignore[attr-defined]
        made.__record_plural__ = plural or f"{name}s"  # type: ignore[attr-defined]
        return made


class Record(msgspec.Struct, metaclass=_RecordType):
    """Base of what a service keeps: a frozen type with a key. See the module for an example.

    `key` names the field, or the fields, that tell one record from another; they are never None. `expires` names a
    field with the time from which the record is gone: no read finds it, and the engine removes it some time later.
    `plural` names the records of the type where an `s` does not make it: `plural="Deliveries"`.
    """

    __record_key__: ClassVar[tuple[str, ...]]
    __record_expires__: ClassVar[str | None]
    __record_plural__: ClassVar[str]


R = TypeVar("R", bound=Record)


class Schema(msgspec.Struct, frozen=True):
    """A record's declaration, as engines read it."""

    record: type[Record]
    name: str
    """The plural, such as `Reviews`: DynamoDB's table."""
    table: str
    """The same in snake case, such as `reviews`: PostgreSQL's table."""
    key: tuple[str, ...]
    expires: str | None
    lists: tuple[Listed, ...]
    unique: tuple[Unique, ...]
    kinds: Mapping[str, str]
    """Each field that is a part of the key, a list, a unique value or the expiry: `text`, `integer` or `time`."""
    optional: frozenset[str]
    """Those of them that may be None."""

    def tuple_of(self, key: Key) -> tuple[Any, ...]:
        """A key as one value a field."""
        return (key,) if len(self.key) == 1 else tuple(key)

    def is_listed(self, record: Record, listed: Listed) -> bool:
        """Whether the record is in the list."""
        return all(getattr(record, name) is not None for name in listed.fields)

    def is_expired(self, record: Record, now: datetime) -> bool:
        """Whether the record's time is over."""
        ends = getattr(record, self.expires) if self.expires else None
        return ends is not None and ends <= now


def key_of(record: Record) -> Key:
    """A record's key."""
    fields = record.__record_key__
    return getattr(record, fields[0]) if len(fields) == 1 else tuple(getattr(record, name) for name in fields)


def body_of(record: Record) -> bytes:
    """A record as the JSON that every engine keeps.

    Raises SoukError `record_too_large`, and `invalid_text` for a character that PostgreSQL has no room for.
    """
    body = wire.encode(record)
    if len(body) > MAX_RECORD:
        raise RecordTooLarge(f"A {type(record).__name__} of {len(body)} bytes; at most {MAX_RECORD} are kept.")
    if rb"\u0000" in body and any("\0" in text for text in _texts(msgspec.json.decode(body))):
        raise invalid("invalid_text", f"A {type(record).__name__} contains the character U+0000.")
    schema = schema_of(type(record))
    size = sum(len(str(getattr(record, field)).encode()) for field in schema.kinds)
    if size > MAX_KEY:
        raise RecordTooLarge(f"{', '.join(schema.kinds)}: {size} bytes; at most {MAX_KEY} can be sorted by.")
    if "" in schema.tuple_of(key_of(record)):
        raise invalid("invalid_key", f"A {type(record).__name__} has an empty key.")
    return body


def record_of(kind: type[R], body: bytes | str) -> R:
    """The record of stored JSON. Fields that the declaration does not have are passed over."""
    return wire.decode(body, kind)


@cache
def schema_of(record: type[Record]) -> Schema:
    """A record's declaration. Raises RecordError where it is invalid."""
    name = record.__name__
    key = record.__record_key__
    if not key:
        raise RecordError(f"{name} declares no key")
    info: Any = inspect.type_info(record)
    types: dict[str, inspect.Type] = {each.name: each.type for each in info.fields}
    declared = [value for each in reversed(record.__mro__) for value in vars(each).values()]
    lists = tuple(each for each in declared if isinstance(each, Listed))
    unique = tuple(each for each in declared if isinstance(each, Unique))
    expires = record.__record_expires__
    placing = [name for each in lists for name in each.fields] + [name for each in unique for name in each.fields]
    named = dict.fromkeys([*key, *placing, *filter(None, [expires])])
    kinds: dict[str, str] = {}
    for field in named:
        if field not in types:
            raise RecordError(f"{name} has no field {field}, which its declaration names")
        kinds[field] = _kind(name, field, types[field])
    optional = frozenset(field for field in named if isinstance(types[field], inspect.UnionType))
    if missing := sorted(optional.intersection(key)):
        raise RecordError(f"{name}.{missing[0]} is a part of the key and may be None")
    if expires and kinds[expires] != "time":
        raise RecordError(f"{name}.{expires} is no time at which a record can expire")
    if "record" in kinds:
        raise RecordError(f"{name}.record: a column of that name holds the whole record")
    plural = record.__record_plural__
    table = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plural).lower()
    return Schema(record, plural, table, key, expires, lists, unique, kinds, optional)


def _kind(record: str, field: str, kind: inspect.Type) -> str:
    """How engines sort a field: as `text`, `integer` or `time`."""
    if isinstance(kind, inspect.UnionType):
        some = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        if len(some) == 1:
            kind = some[0]
    if isinstance(kind, inspect.StrType):
        return "text"
    if isinstance(kind, inspect.EnumType) and issubclass(kind.cls, str):
        return "text"
    if isinstance(kind, inspect.LiteralType) and all(isinstance(value, str) for value in kind.values):
        return "text"
    if isinstance(kind, inspect.IntType):
        return "integer"
    if isinstance(kind, inspect.DateTimeType):
        return "time"
    raise RecordError(f"{record}.{field} is neither text, integer nor time: no engine can sort by it")


def _plain(value: Any) -> str | int:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)


def _read(kind: str, value: str | int) -> Any:
    if kind == "integer":
        if not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise ValueError(f"{value!r} is no integer")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if kind == "text":
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return moment


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _bad_cursor() -> Exception:
    return invalid("invalid_cursor", "This cursor does not belong to this list.", cursor="invalid")
