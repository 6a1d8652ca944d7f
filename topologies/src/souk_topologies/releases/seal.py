"""The seal of a release: the SHA-256 of each of its files. What was deployed can't be written anew, by a rule or by
mistake, so that a break seems to fit.

`SHA256SUMS` is what `sha256sum` writes: `sha256sum --check SHA256SUMS` in a release's folder reads it, too.
"""

import hashlib
from pathlib import Path

SEAL = "SHA256SUMS"
"""The file's name in a release's folder."""


def seal(base: Path) -> None:
    """Seal what stands in a release's folder. Raises FileExistsError where that is sealed."""
    with (base / SEAL).open("x", encoding="utf-8") as file:
        file.writelines(f"{digest}  {name}\n" for name, digest in _digests(base).items())


def differing(base: Path) -> list[str]:
    """The files of a release's folder that are not as they were sealed: changed, gone or more. The seal itself where
    there is none."""
    try:
        lines = (base / SEAL).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return [SEAL]
    sealed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = _digests(base)
    return sorted(name for name in sealed.keys() | present.keys() if sealed.get(name) != present.get(name))


def _digests(base: Path) -> dict[str, str]:
    files = sorted(path for path in base.rglob("*") if path.is_file() and path.name != SEAL)
    return {path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
