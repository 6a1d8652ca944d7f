"""The shape of a record as plain data, and what a change of it would lose."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from souk_chassis.record import Record, RecordError, schema_of

Shape = Mapping[str, Any]
"""`key`, `unique`, `lists`, `expires`, and `fields`: a field's name to its form and whether it has no default."""


def shape_of(record: type[Record]) -> dict[str, Any]:
    """The shape of a type of record, as JSON takes it."""
    schema = schema_of(record)
    return {
        "name": schema.name,
        "key": list(schema.key),
        "unique": {each.name: list(each.fields) for each in schema.unique},
        "lists": {each.name: [list(each.by), each.order, each.descending] for each in schema.lists},
        "expires": schema.expires,
        "fields": _fields(inspect.type_info(record)),
    }


def losses(before: Shape, now: Shape) -> Iterator[str]:
    """Sentences on what stored records of one shape would lose in another, or why they could not be read.

    A field that is no longer there is none of them: it stays in what is stored, for an older version that comes back.
    """
    name = before["name"]
    if before["key"] != now["key"]:
        old, new = ", ".join(before["key"]), ", ".join(now["key"])
        yield f"the key of {name} was {old} and is {new}: declare a new record"
    yield from _field_losses(name, before["fields"], now["fields"])


def merged(before: Shape, now: Shape) -> dict[str, Any]:
    """The newer shape with the fields that it no longer has: what is stored may have them."""
    return {**now, "fields": {**before.get("fields", {}), **now["fields"]}}


def _field_losses(name: str, before: Shape, now: Shape) -> Iterator[str]:
    for field, given in now.items():
        known = before.get(field)
        if known is None:
            if given["required"]:
                yield f"{name}.{field} is new and has no default, so that stored records could not be read"
        elif given["required"] and not known["required"]:
            yield f"{name}.{field} has lost its default, which stored records rely on"
        else:
            yield from _form_losses(f"{name}.{field}", known["form"], given["form"])


def _form_losses(name: str, before: Any, now: Any) -> Iterator[str]:
    """Whether a stored value of one form can be read as another."""
    if now == before:
        return
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        if "object" in now:
            yield from _field_losses(name, before["object"], now["object"])
            return
        for kind in ("optional", "list", "map"):
            if kind in now:
                yield from _form_losses(name, before[kind], now[kind])
                return
        if "one of" in now and not (gone := sorted(set(before["one of"]) - set(now["one of"]))):
            return
        if "one of" in now:
            yield f"{name} may no longer be {', '.join(gone)}, which stored records can be"
            return
    if isinstance(now, dict) and "optional" in now and not (isinstance(before, dict) and "optional" in before):
        yield from _form_losses(name, before, now["optional"])
        return
    if isinstance(before, dict) and "one of" in before and now == "text":
        return
    yield f"{name} was {_words(before)} and is {_words(now)}: add a field of another name"


def _words(form: Any) -> str:
    if isinstance(form, str):
        return form
    [(kind, inner)] = form.items()
    return kind if kind == "object" else f"{kind} {', '.join(inner) if isinstance(inner, list) else _words(inner)}"


def _fields(info: inspect.Type) -> dict[str, Any]:
    assert isinstance(info, inspect.StructType | inspect.DataclassType)  # noqa: S101 - callers look
    return {field.encode_name: {"form": _form(field.type), "required": field.required} for field in info.fields}


_SIMPLE = {
    inspect.StrType: "text",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.DecimalType: "decimal",
    inspect.BoolType: "boolean",
    inspect.DateTimeType: "time",
    inspect.BytesType: "bytes",
    inspect.AnyType: "anything",
}


def _form(info: inspect.Type) -> Any:
    if (simple := _SIMPLE.get(type(info))) is not None:
        return simple
    if isinstance(info, inspect.UnionType):
        some = [each for each in info.types if not isinstance(each, inspect.NoneType)]
        if len(some) == 1 and len(some) < len(info.types):
            return {"optional": _form(some[0])}
    if isinstance(info, inspect.EnumType):
        return {"one of": sorted(str(each.value) for each in info.cls)}
    if isinstance(info, inspect.LiteralType):
        return {"one of": sorted(map(str, info.values))}
    if isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        return {"list": _form(info.item_type)}
    if isinstance(info, inspect.DictType):
        return {"map": _form(info.value_type)}
    if isinstance(info, inspect.StructType | inspect.DataclassType):
        return {"object": _fields(info)}
    raise RecordError(f"{type(info).__name__}: records have no fields of this type")
