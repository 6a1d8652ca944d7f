"""Files that hold secrets: readable by their owner alone, whole or absent, on the disk when the call returns."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_private(path: Path, text: str, own: Callable[[Path], None] | None = None) -> None:
    """Replace `path` in one step by a 0600 file with `text`. `own` may give the new file to another user first.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if own is not None:
            own(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk: a rename is durable only then."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
