"""What is not handed on: somebody's machine, mirror or secret in a file, and a file that a program left behind."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.architecture.tree import Breach, Tree

# Each expression is written so that it does not find itself here.
_MACHINE = re.compile(r"(?<![\w.~-])/(wor[k]|roo[t]|hom[e]/[a-z]\w*|User[s]/\w+|tmp/[l]ab)/|[A-Z]:\\User[s]\\")
_INDEX = re.compile(
    r"pyp[i]\.org|pythonhoste[d]\.org|registry\.npmj[s]\.org|registry\.yarnpk[g]\.com|npm\.pk[g]\.github"
    r"|(extra-)?index-ur[l]\b|--find-link[s]|^\s*registr[y]\s*=",
    re.MULTILINE,
)
_SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVAT[E] KEY-----\s*[A-Za-z0-9+/=]{16}"),
    "an AWS access key": re.compile(r"\b(AKI[A]|ASI[A])[0-9A-Z]{16}\b"),
    "a live key of Stripe": re.compile(r"\b[sr]k_liv[e]_\w{8}"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30}"),
    "a token of Slack": re.compile(r"\bxox[abprs]-\w{10}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
}
_BINARIES = ("docs/pictures/*.png", "topologies/src/souk_topologies/data/*.csv.gz")
_LEFT_BEHIND = (
    "*.db",
    "*.sqlite",
    "*.sqlite3",
    "*.log",
    "*.pid",
    "*.tfstate",
    "*.orig",
    "*.rej",
    "*.bak",
    "*.swp",
    "*~",
)
_NPM_LOCKS = ("*package-lock.json", "*npm-shrinkwrap.json", "*yarn.lock", "*pnpm-lock.yaml")


def no_path_of_one_machine(tree: Tree) -> Iterator[Breach]:
    """A path that exists on one machine alone works on that machine alone."""
    for path, number, line in _lines(tree):
        if found := _MACHINE.search(line):
            yield Breach(path, f"line {number}: {found[0]}")


def no_package_index_is_named(tree: Tree) -> Iterator[Breach]:
    """Where packages come from is for each machine to say: a mirror named here would be asked by everybody."""
    for path, number, line in _lines(tree):
        if found := _INDEX.search(line):
            yield Breach(path, f"line {number}: {found[0]}")


def no_uv_lock(tree: Tree) -> Iterator[Breach]:
    """uv writes its index's address into uv.lock; requirements.lock has hashes and no address."""
    for path in tree.paths("uv.lock", "*/uv.lock"):
        yield Breach(path, "names the index that it was made with")


def npm_locks_have_no_addresses(tree: Tree) -> Iterator[Breach]:
    """The same for npm: `npm install --omit-lockfile-registry-resolved` leaves the addresses out."""
    for path in tree.paths(*_NPM_LOCKS):
        if re.search(r"\"?resolved\"?:? *\"?http|tarball: *http", tree.files[path]):
            yield Breach(path, "says where packages were fetched from")


def no_secrets(tree: Tree) -> Iterator[Breach]:
    """Nothing that looks like a key or a token, in tests neither: who looks for leaks can't tell them apart."""
    for path in tree.paths("*"):
        for kind, expression in _SECRETS.items():
            if expression.search(tree.files[path]):
                yield Breach(path, f"holds {kind}")


def nothing_is_left_behind(tree: Tree) -> Iterator[Breach]:
    """Files are sources: no database, log or backup that a program left, and nothing binary but pictures and data."""
    for path in tree.paths(*_LEFT_BEHIND):
        yield Breach(path, "was left behind by a program")
    for path in sorted(tree.binaries):
        if not any(fnmatchcase(path, pattern) for pattern in _BINARIES):
            yield Breach(path, "is no text, and neither a picture nor the sample data")


def _lines(tree: Tree) -> Iterator[tuple[str, int, str]]:
    for path in tree.paths("*"):
        for number, line in enumerate(tree.files[path].splitlines(), 1):
            yield path, number, line
