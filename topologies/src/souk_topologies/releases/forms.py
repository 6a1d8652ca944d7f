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


def form_of(kind: Any) -> Form:
    """The form of a type, without prose. Raises ValueError where it is made of two types of one name, and what msgspec
    does for a type that has no schema."""
    form: Form = _bare(msgspec.json.schema(kind, schema_hook=wire.schema_extra))
    definitions = form.get("$defs", {})
    for struct in _structs_of(kind):
        definition = definitions.get(name_of(msgspec.json.schema(struct.cls, schema_hook=wire.schema_extra)))
        if definition is None:
            raise ValueError(f"{kind} is made of two types of one name")
        made_from: Any = getattr(struct.cls, "__origin__", struct.cls)  # of a generic, it has the settings
        always = [field for field in struct.fields if field.required or not made_from.__struct_config__.omit_defaults]
        tag = [struct.tag_field] if struct.tag_field else []
        definition[WRITTEN] = tag + [field.encode_name for field in always]
        for field in struct.fields if "properties" in definition else ():
            _mark_times(definition["properties"][field.encode_name], field.type)
    _mark_times(form, inspect.type_info(kind))
    return form


def name_of(reference: Form) -> str:
    """The name of the definition that a part of a form refers to."""
    return str(reference["$ref"]).rpartition("/")[2]


def alternatives(form: Form, part: Form) -> Iterator[Form]:
    """The forms of which a value of a part has one, with what they only refer to in its place."""
    while "$ref" in part:
        part = form["$defs"][name_of(part)]
    choices = part.get("anyOf") or part.get("oneOf")
    if choices is None:
        yield part
    for choice in choices or ():
        yield from alternatives(form, choice)


def _structs_of(kind: Any) -> list[inspect.StructType]:
    """The structs that a type is made of."""
    found: dict[Any, inspect.StructType] = {}
    todo: list[Any] = [inspect.type_info(kind)]
    while todo:
        info = todo.pop()
        if isinstance(info, inspect.StructType):
            todo += [] if info.cls in found else [field.type for field in info.fields]
            found.setdefault(info.cls, info)
        for name in ("types", "item_types"):
            todo += getattr(info, name, ())
        todo += [getattr(info, name) for name in ("item_type", "key_type", "value_type", "type") if hasattr(info, name)]
    return list(found.values())


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


def _bare(value: Any) -> Any:
    """The same as JSON would give it back, without descriptions; a field of that name has no text, but a form."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if key != "description" or isinstance(part, dict)}
    return [_bare(part) for part in value] if isinstance(value, list | tuple) else value
