"""Binding: an HTTP request read into an operation's request.

Path parameters and named headers fill the fields of the same name; the rest is the query of a GET or DELETE, and the
JSON body of anything else. All is decided once, when the app is built.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from souk_chassis import wire
from souk_chassis.errors import invalid
from souk_chassis.http.problem import EdgeError, refuse
from souk_chassis.operation import AnyOperation

MAX_BODY = 1_048_576
"""The largest body, in bytes: one more gets 413."""
MAX_QUERY = 8_192
"""The longest query string, in bytes."""
MAX_PARAMETERS = 32
"""The most query parameters."""


def _part(operation: AnyOperation, suffix: str, fields: list[msgspec.structs.FieldInfo]) -> type[msgspec.Struct]:
    """A struct of some of the request's fields, under their wire names."""
    columns: list[Any] = []
    for field in fields:
        if field.default is not msgspec.NODEFAULT:
            columns.append((field.name, field.type, field.default))
        elif field.default_factory is not msgspec.NODEFAULT:
            columns.append((field.name, field.type, msgspec.field(default_factory=field.default_factory)))
        else:
            columns.append((field.name, field.type))
    name = "".join(word.capitalize() for word in operation.name.split("_")) + suffix
    return msgspec.defstruct(name, columns, bases=(wire.Message,), kw_only=True)


class Binding:
    """How one operation's requests are read. `parameters` and `body` are the structs that OpenAPI shows."""

    def __init__(self, operation: AnyOperation) -> None:
        route = operation.route
        if route is None:
            raise ValueError(f"{operation.name} has no public route")
        fields = msgspec.structs.fields(operation.request)
        outside = [f for f in fields if f.encode_name in route.parameters or f.name in operation.headers]
        rest = [f for f in fields if f not in outside]
        self.operation = operation
        self.in_query = route.in_query
        self.parameter_fields = outside + (rest if self.in_query else [])
        self.body_fields = [] if self.in_query else rest
        self._headers = {f.encode_name: operation.headers[f.name] for f in outside if f.name in operation.headers}
        self._needs_parameters = any(f.required for f in self.parameter_fields)
        self._whole = not self.parameter_fields and not self.in_query
        self.parameters = _part(operation, "Parameters", self.parameter_fields)
        self.body: type[msgspec.Struct] = (
            operation.request if self._whole else _part(operation, "Body", self.body_fields)
        )

    def read(self, path: Mapping[str, str], query: bytes, headers: Mapping[str, str], body: bytes) -> Any:
        """The operation's request. Raises SoukError `invalid`, or EdgeError for what is no JSON or no UTF-8."""
        if query and not self.in_query:
            raise invalid("invalid_request", "This route takes no query.", query="Not expected here")
        if self._whole:
            return self._read_body(body)
        given: dict[str, Any] = dict(path)
        for name, header in self._headers.items():
            if (value := headers.get(header.lower())) is not None:
                given[name] = value
        if query:
            self._read_query(query, given)
        values: dict[str, Any] = {}
        if given or self._needs_parameters:
            try:
                parameters = msgspec.convert(given, self.parameters, strict=False, dec_hook=wire.decode_extra)
            except msgspec.ValidationError as error:
                raise refuse(error) from None
            values = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
        if self.body_fields or body:
            content = self._read_body(body)
            values |= {name: getattr(content, name) for name in content.__struct_fields__}
        return self.operation.request(**values)

    def _read_query(self, query: bytes, given: dict[str, Any]) -> None:
        if len(query) > MAX_QUERY:
            raise EdgeError(414, "query_too_long", f"The query is longer than {MAX_QUERY} bytes.")
        try:
            pairs = parse_qsl(
                query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
            )
        except UnicodeDecodeError:
            raise EdgeError(400, "malformed_query", "The query is not UTF-8.") from None
        except ValueError:
            raise EdgeError(400, "malformed_query", f"The query has over {MAX_PARAMETERS} parameters.") from None
        for name, value in pairs:
            if name in given:
                raise invalid("invalid_request", "A parameter was given twice.", **{name[:100]: "Given twice"})
            given[name] = value

    def _read_body(self, body: bytes) -> Any:
        if not body and not self.body_fields:
            body = b"{}"
        try:
            return wire.decode(body, self.body)
        except msgspec.ValidationError as error:
            raise refuse(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EdgeError(400, "malformed_json", f"The body is no JSON: {error}.") from None
        except RecursionError:
            raise EdgeError(400, "malformed_json", "The body is nested too deeply.") from None
