"""Errors: every kind has one meaning, and an error keeps what it was given."""

import pickle
import subprocess
import sys
from collections.abc import Callable

import pytest

from souk_chassis import errors
from souk_chassis.errors import KIND_RULES, ErrorKind, ErrorType, SoukError


def test_every_kind_has_its_row() -> None:
    assert set(KIND_RULES) == set(ErrorKind)
    assert len(ErrorKind) == 8


@pytest.mark.parametrize(
    ("kind", "status", "retryable", "counts"),
    [
        ("invalid", 422, False, False),
        ("not_found", 404, False, False),
        ("conflict", 409, False, False),
        ("forbidden", 403, False, False),
        ("unauthenticated", 401, False, False),
        ("too_many", 429, True, False),
        ("unavailable", 503, True, True),
        ("timeout_unknown", 504, True, True),
    ],
)
def test_what_a_kind_means(kind: str, status: int, retryable: bool, counts: bool) -> None:
    assert KIND_RULES[ErrorKind(kind)] == (status, retryable, counts)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        KIND_RULES[ErrorKind.INVALID] = KIND_RULES[ErrorKind.CONFLICT]  # type: ignore[index]


@pytest.mark.parametrize("kind", list(ErrorKind))
def test_a_constructor_for_each_kind(kind: ErrorKind) -> None:
    make: Callable[[str, str], SoukError] = getattr(errors, kind.value)
    error = make("some_code", "Some detail.")
    assert (error.kind, error.code, error.detail, error.fields) == (kind, "some_code", "Some detail.", {})
    assert error.rule is KIND_RULES[kind]
    assert str(error) == f"{kind.value} (some_code): Some detail."


def test_fields_may_have_any_name() -> None:
    error = errors.invalid("bad", "Bad.", code="is odd", detail="is long", **{"items[0].quantity": "is below 1"})
    assert error.code == "bad"
    assert error.fields == {"code": "is odd", "detail": "is long", "items[0].quantity": "is below 1"}


def test_fields_are_the_errors_own() -> None:
    given = {"name": "is empty"}
    error = SoukError(ErrorKind.INVALID, "bad", "Bad.", given)
    given.clear()
    assert error.fields == {"name": "is empty"}


@pytest.mark.parametrize("make", [errors.too_many, errors.unavailable, errors.timeout_unknown])
def test_when_to_come_back(make: Callable[..., SoukError]) -> None:
    assert make("later", "Later.", retry_after_s=2.5).retry_after_s == 2.5
    assert make("later", "Later.").retry_after_s is None


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(errors.conflict("taken", "Taken.", sku="is taken")))  # noqa: S301 - made here
    assert (error.kind, error.code, error.fields) == (ErrorKind.CONFLICT, "taken", {"sku": "is taken"})


def test_a_declared_error_makes_errors() -> None:
    price_changed = ErrorType(ErrorKind.CONFLICT, "price_changed", "The price has changed.")
    assert price_changed().detail == "The price has changed."
    error = price_changed("It is 2.55 now.", unitPrice="is not the price")
    assert (error.kind, error.code, error.detail) == (ErrorKind.CONFLICT, "price_changed", "It is 2.55 now.")
    assert error.fields == {"unitPrice": "is not the price"}


def test_errors_know_no_transport() -> None:
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, souk_chassis.errors; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "souk_chassis.errors" in seen
    assert not {"http", "http.client", "starlette", "aiohttp", "uvicorn", "asyncpg"} & set(seen)
