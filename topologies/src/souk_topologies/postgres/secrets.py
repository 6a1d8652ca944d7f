"""The passwords of the roles of a shop on this machine, in a file that only its owner reads."""

import contextlib
import fcntl
import json
import os
import secrets as randomness
from collections.abc import Iterable, Iterator
from pathlib import Path

from souk_chassis.storage.provision import ProvisionError
from souk_topologies.postgres._private_files import write_private


def load_or_create_secrets(path: Path, names: Iterable[str]) -> dict[str, str]:
    """The secrets of these names out of a JSON file of mode 0600; what is missing is made (256 random bits) and kept.

    Raises:
        ProvisionError: the file is not a JSON object of strings.
        OSError: it cannot be read or written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked_folder(path.parent):
        known = _read_secrets(path)
        wanted = list(names)
        made = {name: randomness.token_urlsafe(32) for name in wanted if name not in known}
        if made:
            known |= made
            write_private(path, json.dumps(known, indent=2) + "\n")
    return {name: known[name] for name in wanted}


def _read_secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    path.chmod(0o600)  # it may come from a copy or a backup that was less strict
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProvisionError(f"{path} is not JSON: restore it, or the roles' passwords are lost") from error
    if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
        raise ProvisionError(f"{path} is not a JSON object of strings")
    return known


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
