"""Configuration from environment variables, read once, into a frozen struct, with a clear error for a bad value."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec


class Config(msgspec.Struct, frozen=True):
    """Settings of one part of the program. Each field is a variable, `smtp_url` for `SOUK_SMTP_URL`: what a process is
    given of its parent's environment is listed from these."""

    @classmethod
    def variables(cls, prefix: str = "SOUK_") -> list[str]:
        """The names of its variables."""
        return [prefix + name.upper() for name in cls.__struct_fields__]


C = TypeVar("C", bound=Config)


class ConfigError(ValueError):
    """A setting that is missing or has a value that can't be."""


def read_config(kind: type[C], environment: Mapping[str, str], prefix: str = "SOUK_") -> C:
    """Fill `kind` from variables named after its fields: `smtp_url` from `SOUK_SMTP_URL`.

    Raises ConfigError that names the variable.
    """
    given = {}
    for field in msgspec.structs.fields(kind):
        value = environment.get(prefix + field.name.upper())
        if value is not None and value != "":
            given[field.name] = value
        elif field.required:
            raise ConfigError(f"{prefix}{field.name.upper()} is not set")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$.")
        raise ConfigError(f"{prefix}{path.rstrip('`').upper()}: {text}") from None


def read_json(name: str, text: str, kind: Any) -> Any:
    """What the variable `name` holds, JSON of that type. Raises ConfigError that names it, and shows nothing of it."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{name}: {error}") from None
