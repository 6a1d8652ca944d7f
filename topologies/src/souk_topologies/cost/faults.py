"""The one failure of an estimate: what it was given can't be."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 1_048_576
"""The most that a file of prices or assumptions may hold."""


class CostError(Exception):
    """A file or a figure that can't be, in one sentence."""


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file, its decimal numbers exact. Raises CostError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CostError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes")
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise CostError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CostError(f"{path} is no TOML: {error}") from None
