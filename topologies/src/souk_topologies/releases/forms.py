"""The form of a type: its JSON Schema by msgspec, with the two things that tell whether versions understand each other
and that msgspec leaves out: which fields are always written, and which strings are points in time."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from souk_chassis import wire

WRITTEN = "x-written"
"""The fields of an object that are always written. `required` says only which ones its reader misses."""
Form = dict[str, Any]
_DEFINITIONS = "#/$defs/"


def form_of(kind: Any) -> Form:
    """The form of a type. Raises ValueError where it is made of two types of one name, and what msgspec does for a
    type that has no schema."""
    form = msgspec.json.schema(kind, schema_hook=wire.schema_extra)
    definitions = form.get("$defs", {})
    by_title = {definition.get("title"): definition for definition in definitions.values()}
    if len(by_title) < len(definitions):
        raise ValueError(f"{kind} is made of two types of one name")
    for struct in structs_of(kind):
        definition = by_title[_title(struct.cls)]
        tag = [struct.tag_field] if struct.tag_field else []
        always = [field.encode_name for field in struct.fields if field.required or not _omits(struct)]
        definition[WRITTEN] = tag + always
        for field in struct.fields if "properties" in definition else ():
            _mark_times(definition["properties"][field.encode_name], field.type)
    _mark_times(form, inspect.type_info(kind))
    return form


def structs_of(kind: Any) -> list[inspect.StructType]:
    """The structs that a type is made of, itself first."""
    found: dict[Any, inspect.StructType] = {}
    todo = [inspect.type_info(kind)]
    while todo:
        info = todo.pop()
        if isinstance(info, inspect.StructType):
            if info.cls in found:
                continue
            found[info.cls] = info
            todo += [field.type for field in info.fields]
        else:
            todo += _parts(info)
    return list(found.values())


def resolve(form: Form, part: Form) -> Form:
    """A part of a form, with what it only refers to in its place."""
    while "$ref" in part:
        part = form["$defs"][part["$ref"].removeprefix(_DEFINITIONS)]
    return part


def alternatives(form: Form, part: Form) -> Iterator[Form]:
    """The forms of which a value has one."""
    part = resolve(form, part)
    choices = part.get("anyOf") or part.get("oneOf")
    if choices is None:
        yield part
        return
    for choice in choices:
        yield from alternatives(form, choice)


def _parts(info: inspect.Type) -> list[inspect.Type]:
    if isinstance(info, inspect.UnionType):
        return list(info.types)
    if isinstance(info, inspect.CollectionType):
        return [info.item_type]
    if isinstance(info, inspect.TupleType):
        return list(info.item_types)
    if isinstance(info, inspect.DictType):
        return [info.key_type, info.value_type]
    if isinstance(info, inspect.Metadata):
        return [info.type]
    return []


def _mark_times(part: Form, info: inspect.Type) -> None:
    """msgspec's schema of a point in time is that of any string."""
    if isinstance(info, inspect.Metadata):
        _mark_times(part, info.type)
    elif isinstance(info, inspect.DateTimeType):
        part["format"] = "date-time"
    elif isinstance(info, inspect.UnionType) and "anyOf" in part:
        for choice, each in zip(part["anyOf"], info.types, strict=True):
            _mark_times(choice, each)
    elif isinstance(info, inspect.CollectionType) and isinstance(part.get("items"), dict):
        _mark_times(part["items"], info.item_type)
    elif isinstance(info, inspect.DictType) and isinstance(part.get("additionalProperties"), dict):
        _mark_times(part["additionalProperties"], info.value_type)


def _omits(struct: inspect.StructType) -> bool:
    config = getattr(struct.cls, "__struct_config__", None) or struct.cls.__origin__.__struct_config__  # type: ignore[attr-defined] # a generic's
    return bool(config.omit_defaults)


def _title(cls: Any) -> str:
    """As msgspec titles it."""
    return str(msgspec.json.schema(cls)["$defs"].popitem()[1]["title"]) if hasattr(cls, "__origin__") else cls.__name__
