"""OpenAPI 3.0 from the operations' declarations (https://spec.openapis.org/oas/v3.0.3).

3.0 and not 3.1: it is what Amazon API Gateway imports, and the one document serves both gateways.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.errors import KIND_RULES
from souk_chassis.http.binding import Binding
from souk_chassis.http.problem import Problem
from souk_chassis.http.routing import THROTTLE, described_throttle
from souk_chassis.http.throttle import DEFAULT
from souk_chassis.operation import Access, AnyOperation

REF = "#/components/schemas/{name}"
_EDGE = {400: "The JSON, the query or its UTF-8 is broken", 413: "The body is larger than 1 MB"}
_COMMON = {
    422: "A field is missing, unknown, of the wrong type or out of its range",
    429: "Too many requests: wait as long as Retry-After says",
    503: "Not possible just now: nothing happened",
    504: "No answer in time: it may have happened",
}
_DENIED = {401: "No token, or one that is not valid", 403: "Not yours, or not for your role"}


def document(operations: Iterable[AnyOperation], *, title: str, version: str, description: str) -> dict[str, Any]:
    """The document of all operations that have a public route."""
    bindings = [Binding(operation) for operation in operations if operation.route is not None]
    kinds: list[Any] = [Problem]
    for binding in bindings:
        kinds += [binding.parameters, binding.operation.response]
        if binding.body_fields:
            kinds.append(binding.body)
    schemas, components = msgspec.json.schema_components(
        list(dict.fromkeys(kinds)), schema_hook=wire.schema_extra, ref_template=REF
    )
    by_kind = dict(zip(dict.fromkeys(kinds), schemas, strict=True))
    parameter_names = {binding.parameters.__name__ for binding in bindings}
    paths: dict[str, dict[str, Any]] = {}
    for binding in sorted(bindings, key=lambda binding: _path(binding)):
        entry = paths.setdefault(_path(binding), {})
        entry[_method(binding)] = _operation(binding, by_kind, components)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": "/"}],
        THROTTLE: described_throttle(DEFAULT),
        "tags": [{"name": name} for name in sorted({binding.operation.service for binding in bindings})],
        "paths": paths,
        "components": {
            "schemas": {
                name: _clean(schema) for name, schema in sorted(components.items()) if name not in parameter_names
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _path(binding: Binding) -> str:
    return binding.operation.route.path if binding.operation.route else ""


def _method(binding: Binding) -> str:
    return binding.operation.route.method.lower() if binding.operation.route else ""


def _operation(binding: Binding, by_kind: dict[Any, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation = binding.operation
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.service],
        "x-souk-access": operation.access.value,
        "parameters": _parameters(binding, components[binding.parameters.__name__]),
        "responses": _responses(operation, by_kind[operation.response]),
    }
    if operation.access is Access.PUBLIC:
        described["security"] = [{}, {"bearer": []}] if operation.token_optional else [{}]
    else:
        described["security"] = [{"bearer": []}]
    if operation.throttle is not None:
        described[THROTTLE] = described_throttle(operation.throttle)
    if binding.body_fields:
        content = {"application/json": {"schema": by_kind[binding.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(binding: Binding, schema: dict[str, Any]) -> Sequence[dict[str, Any]]:
    route = binding.operation.route
    in_path = route.parameters if route else ()
    parameters = []
    for field in binding.parameter_fields:
        name, place = field.encode_name, "query"
        if field.name in binding.operation.headers:
            name, place = binding.operation.headers[field.name], "header"
        elif field.encode_name in in_path:
            place = "path"
        content = _clean(schema["properties"][field.encode_name])
        required = place == "path" or field.required
        if not required:
            content = _given_or_left_out(content)
        parameters.append({"name": name, "in": place, "required": required, "schema": content})
    return parameters


def _given_or_left_out(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter can't be null: it is left out."""
    given = {name: value for name, value in schema.items() if name != "nullable" and (name, value) != ("default", None)}
    if "oneOf" in given:
        given["oneOf"] = [_given_or_left_out(choice) for choice in given["oneOf"]]
    return given


def _responses(operation: AnyOperation, schema: dict[str, Any]) -> dict[str, Any]:
    media = "text/event-stream" if operation.streams else "application/json"
    content = {media: {"schema": {"type": "string"} if operation.streams else schema}}
    headers = {"Location": {"description": "Where it is", "schema": {"type": "string"}}}
    responses: dict[str, Any] = {}
    for status in {operation.status, *((201,) if operation.may_create else ())}:
        responses[str(status)] = {"description": operation.summary, "content": content}
        if status == 201 and operation.location:
            responses[str(status)]["headers"] = headers
    texts = dict(_EDGE) | dict(_COMMON)
    if operation.access is not Access.PUBLIC or operation.token_optional:
        texts |= _DENIED
    else:
        texts |= {401: _DENIED[401]}
    for error in operation.errors:
        status = KIND_RULES[error.kind].http_status
        text = f"`{error.code}`: {error.title}"
        texts[status] = f"{texts[status]}; {text}" if status in texts else text
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}}
    for status, text in sorted(texts.items()):
        responses[str(status)] = {"description": text, "content": problem}
    return responses


def _clean(schema: Any) -> Any:
    """JSON Schema as msgspec writes it, in the dialect of OpenAPI 3.0: `nullable` for null, `enum` for `const`."""
    if isinstance(schema, list):
        return [_clean(value) for value in schema]
    if isinstance(schema, str):
        return _printable(schema)
    if not isinstance(schema, dict):
        return schema
    cleaned = {name: _clean(value) for name, value in schema.items() if name not in {"anyOf", "examples", "const"}}
    if "const" in schema:
        cleaned["enum"] = [schema["const"]]
    if schema.get("examples"):
        cleaned["example"] = schema["examples"][0]
    if "anyOf" in schema:
        choices = [_clean(choice) for choice in schema["anyOf"] if choice.get("type") != "null"]
        optional = len(choices) < len(schema["anyOf"])
        if len(choices) == 1 and "oneOf" in choices[0]:  # `nullable` says nothing but beside a `type`
            first, *others = choices[0]["oneOf"]
            return choices[0] | cleaned | {"oneOf": [first | {"nullable": True}, *others]}
        if optional:
            cleaned["nullable"] = True
        if len(choices) == 1 and "$ref" not in choices[0]:
            cleaned = choices[0] | cleaned
        else:
            cleaned["allOf" if len(choices) == 1 else "anyOf"] = choices
    return cleaned


def _printable(text: str) -> str:
    """Control characters in patterns as escapes, which every JSON Schema validator reads."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text)
