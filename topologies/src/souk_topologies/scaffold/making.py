"""Makes a service: everything in a copy of the checkout; then all that differs is moved into it, or nothing."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from souk_topologies.places import DataDir
from souk_topologies.scaffold.additions import ADDITIONS, EVENTS, IMAGES, add_hearer
from souk_topologies.scaffold.choices import Choices, choices_of
from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.generators import regenerate, tidy
from souk_topologies.scaffold.image import write_image
from souk_topologies.scaffold.lists import LISTINGS
from souk_topologies.scaffold.taken import check_names
from souk_topologies.scaffold.words import Words, words_of

TEMPLATES = Path(__file__).with_name("template")
SUFFIX = ".tmpl"
"""What a template's name ends with: its tools are not to take it for a file of this package."""
_KEPT_HIDDEN = frozenset({".github", ".importlinter"})
_LEFT_OUT = frozenset({"build", "node_modules", "__pycache__"})


@dataclass(frozen=True)
class Made:
    """What was made: paths from the root of the checkout, sorted."""

    words: Words
    new: tuple[str, ...]
    changed: tuple[str, ...]


def find_checkout(start: Path) -> Path:
    """The checkout that a folder is in. Raises ScaffoldError where it is in none."""
    for folder in (start, *start.parents):
        if all((folder / path).is_file() for path in {listing.path for listing in LISTINGS}):
            return folder
    raise ScaffoldError("services are made in a checkout of the sources, and this is none")


def new_service(
    root: Path, name: str, singular: str | None, hears: Sequence[str] = (), stores: Sequence[str] = ()
) -> Made:
    """Make a service in this checkout: its folder, its contracts, and its place in every list.

    `hears` names the events of other services that it hears, `stores` its engines where it has not every one.

    Raises ScaffoldError, and leaves everything as it was, where it can't be made.
    """
    words = words_of(name, singular)
    choices = choices_of(root, hears, stores)
    templates = {path: choices.write(text) for path, text in read_templates() if choices.has(path)}
    _check_place(root, words, templates)
    check_names(root, words, templates)
    with tempfile.TemporaryDirectory(prefix="souk-new-") as folder:
        staged = Path(folder) / "checkout"
        try:
            _copy(root, staged)
            copied = _files(staged)
            _check_generated(copied, words)
            _make(staged, words, templates, choices)
        except OSError as error:
            raise ScaffoldError(f"it can't be made in a copy: {error}") from None
        return _move(copied, _files(staged), root, words)


def read_templates() -> Iterator[tuple[str, str]]:
    """The templates: their paths from the root of a checkout, and their texts."""
    for path in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
        yield path.relative_to(TEMPLATES).as_posix().removesuffix(SUFFIX), path.read_text("utf-8")


def _check_place(root: Path, words: Words, templates: Mapping[str, str]) -> None:
    for listing in LISTINGS:
        if words.plural in listing.names((root / listing.path).read_text("utf-8")):
            raise ScaffoldError(f"there is a service {words.plural} already")
    for path in (f"services/{words.plural}", *map(words.write, templates)):
        if (root / path).exists() or (root / path).is_symlink():
            raise ScaffoldError(f"{path} is in the way")


def _check_generated(copied: Mapping[str, bytes], words: Words) -> None:
    """What is generated for each service has its label for a name, and would be written over somebody's file."""
    for path in copied:
        if Path(path).stem == words.label:
            raise ScaffoldError(f"{path} is in the way")


def _make(staged: Path, words: Words, templates: Mapping[str, str], choices: Choices) -> None:
    new = {words.write(path): words.write(text) for path, text in templates.items()}
    for path, text in new.items():
        (staged / path).parent.mkdir(parents=True, exist_ok=True)
        (staged / path).write_text(text, "utf-8")
    write_image(staged, words)
    _add_to_lists(staged, words, choices)
    tidy(staged, [path for path in (*new, *(listing.path for listing in LISTINGS)) if path.endswith(".py")])
    regenerate(staged)


def _add_to_lists(staged: Path, words: Words, choices: Choices) -> None:
    for listing in LISTINGS:
        path = staged / listing.path
        path.write_text(listing.add(path.read_text("utf-8"), words.plural), "utf-8")
    for name, change in ADDITIONS.items():
        path = staged / name
        if path.exists() and (choices.on_postgres or name not in IMAGES):
            path.write_text(change(path.read_text("utf-8"), words), "utf-8")
    events = staged / EVENTS
    if events.exists():
        events.write_text(add_hearer(events.read_text("utf-8"), words, choices.hears), "utf-8")


def _copy(root: Path, to: Path) -> None:
    """A copy of the sources, without what was installed or built, and without a shop's data: that may be large, and
    has secrets."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        hidden = {name for name in names if name.startswith(".") and name not in _KEPT_HIDDEN}
        return {name for name in names if name in _LEFT_OUT or _is_shop(Path(folder, name))} | hidden

    shutil.copytree(root, to, ignore=left_out, symlinks=True)


def _is_shop(folder: Path) -> bool:
    data = DataDir(folder)
    return data.postgres.is_dir() and data.keys.is_dir()


def _files(folder: Path) -> dict[str, bytes]:
    hidden = {".ruff_cache", "__pycache__"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and not hidden.intersection(path.parts)
    }


def _move(copied: Mapping[str, bytes], wanted: Mapping[str, bytes], root: Path, words: Words) -> Made:
    """Put into the checkout what was changed in its copy. What fails is taken back."""
    moved = {path: copied.get(path) for path, content in wanted.items() if copied.get(path) != content}
    before: dict[str, bytes | None] = {}
    try:
        for path, was in moved.items():
            if _read(root / path) != was:
                raise ScaffoldError(f"{path} was changed meanwhile")
            before[path] = was
            _write(root / path, wanted[path])
    except BaseException as error:
        _take_back(root, before)
        if isinstance(error, OSError):
            raise ScaffoldError(f"{error.filename}: {error.strerror}") from None
        raise
    return Made(
        words,
        tuple(sorted(path for path, was in before.items() if was is None)),
        tuple(sorted(path for path, was in before.items() if was is not None)),
    )


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: whoever reads it meanwhile has the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.new")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _take_back(root: Path, before: Mapping[str, bytes | None]) -> None:
    """Put back what was there, file by file, and remove folders that this leaves empty."""
    for path, there in before.items():
        if there is not None:
            (root / path).write_bytes(there)
            continue
        (root / path).unlink(missing_ok=True)
        for folder in Path(path).parents:
            with suppress(OSError):  # it has other files, or is the root
                (root / folder).rmdir()
