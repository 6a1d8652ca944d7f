"""A copy of the working tree with an environment of its own, so that a bug is never planted in the tree itself."""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trials.planted.bugs import ROOT

MEMBERS = ("chassis", "contracts", "topologies", "services/*")


@contextmanager
def scratch_copy() -> Iterator[Path]:
    """All files that git knows or would add, as they are now; and `build`, where tools for tests are installed. Beside
    the tree is a folder `tmp`, for what its tests leave."""
    with tempfile.TemporaryDirectory(prefix="souk-planted-") as name:
        Path(name).chmod(0o755)  # PostgreSQL's own user reads it
        tree, temporary = Path(name, "souk"), Path(name, "tmp")
        temporary.mkdir()
        _git(ROOT.parent, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(tree))
        _git(tree, "reset", "--quiet")  # some tests ask git what there is
        listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for relative in filter(None, listed.split("\0")):
            if (ROOT / relative).is_file():
                target = tree / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / relative, target)
        if (ROOT / "build").is_dir():
            (tree / "build").symlink_to(ROOT / "build")
        _make_environment(tree)
        yield tree


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE).stdout.decode()


def _make_environment(tree: Path) -> None:
    """Python with the packages of this environment and the sources of the copy; scripts such as `souk` run there."""
    folder = tree / ".venv"
    venv.create(folder, symlinks=True)
    sources = [path for member in MEMBERS for path in sorted(tree.glob(f"{member}/src"))]
    packages = sysconfig.get_path("purelib")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (own / "planted.pth").write_text("".join(f"{path}\n" for path in (*sources, packages)))
    scripts = Path(sys.executable).parent
    for script in scripts.iterdir():
        target = folder / "bin" / script.name
        if target.exists() or not script.is_file():
            continue
        content = script.read_bytes()
        if content.startswith(b"#!"):
            target.write_bytes(content.replace(str(scripts).encode(), str(folder / "bin").encode()))
            target.chmod(0o755)
        else:
            target.symlink_to(script)
