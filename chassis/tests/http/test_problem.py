"""Errors as problem+json: every kind has its answer, and what was rendered is read back as it was."""

import msgspec
import pytest

from souk_chassis import wire
from souk_chassis.errors import KIND_RULES, ErrorKind, SoukError
from souk_chassis.http.problem import EdgeError, FieldError, read_problem, refuse, render
from souk_chassis.testing.contexts import TRACEPARENT

ERRORS = [SoukError(kind, "a_code", "A sentence.", {"a.b[0]": "Why"}, 2.6) for kind in ErrorKind]


@pytest.mark.parametrize("error", [*ERRORS, EdgeError(413, "a_code", "A sentence.")])
def test_an_error_is_rendered_and_read_back(error: SoukError | EdgeError) -> None:
    status, headers, body = render(error, TRACEPARENT)
    problem = read_problem(body)
    assert (problem.status, problem.code, problem.detail) == (status, "a_code", "A sentence.")
    assert problem.trace_id == TRACEPARENT[3:35]
    assert dict(headers)[b"content-type"] == b"application/problem+json"
    if isinstance(error, SoukError):
        assert status == KIND_RULES[error.kind].http_status
        assert problem.errors == [FieldError("a.b[0]", "Why")]
        assert dict(headers)[b"retry-after"] == b"3"
    else:
        assert b"errors" not in body


class Inner(wire.Message, frozen=True, kw_only=True):
    quantity: int


class Outer(wire.Message, frozen=True, kw_only=True):
    inner_items: tuple[Inner, ...]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ('{"innerItems": [{"quantity": 1}, {"quantity": "two"}]}', "innerItems[1].quantity"),
        ('{"innerItems": [{}]}', "innerItems[0].quantity"),
        ('{"innerItems": [{"quantity": 1, "color": 2}]}', "innerItems[0].color"),
        ('{"innerItems": 1}', "innerItems"),
        ("{}", "innerItems"),
        ('{"a`b": 1}', "a"),
        ("1", "body"),
    ],
)
def test_a_refusal_names_the_field(sent: str, field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        wire.decode(sent, Outer)
    error = refuse(caught.value)
    assert (error.kind, error.code, list(error.fields)) == (ErrorKind.INVALID, "invalid_request", [field])
