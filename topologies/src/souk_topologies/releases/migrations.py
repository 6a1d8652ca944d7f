"""Migrations: forward only, and such that the version before works on what they make of the database.

A migration runs when the first new process of a service starts, and the old ones go on meanwhile: expand in one
release, contract in a later one. squawk (https://squawkhq.com) reads the SQL.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from souk_topologies.releases.model import Release, number
from souk_topologies.releases.present import Migrations
from souk_topologies.releases.sources import Finding, Sources

_CONTRACT = re.compile(r"contract: since (\d+\.\d+\.\d+) nobody uses it")
_NODE = re.compile(r"( *)(\w+)@(\d+)\.\.(\d+)")
_REFUSED = {
    "takes away what the version before may use": "ban-drop-table ban-drop-column ban-drop-view ban-drop-type"
    " ban-drop-function ban-drop-schema ban-drop-database ban-drop-sequence ban-drop-domain ban-drop-trigger"
    " ban-drop-policy ban-drop-extension",
    "renames what the version before may use": "renaming-table renaming-column renaming-object",
    "moves what the version before uses": "ban-set-schema",
    "changes a type that the version before uses": "changing-column-type",
    "demands a value that the version before may not give": "adding-required-field ban-drop-default"
    " ban-drop-generated-expression adding-serial-primary-key-field",
    "refuses a value that the version before gives": "ban-alter-identity",
    "may refuse what the version before writes": "ban-new-write-restriction ban-alter-domain-with-add-constraint"
    " disallowed-unique-constraint",
    "takes away or hides rows from the version before": "ban-truncate-cascade ban-detach-inheritance"
    " ban-alter-row-level-security ban-create-policy",
    "takes rights away": "ban-revoke",
    "changes what the version before sets off": "ban-disable-trigger",
}
"""By why it is refused, the rules of squawk. The others of its rules are of style, and of locks."""
_UNREAD = {
    "DELETE": "takes away rows",
    "MERGE_DELETE": "takes away rows",
    "TRUNCATE": "empties what the version before reads",
    "DO": "runs a program, which is not read here: write it as statements",
}
"""What squawk has no rule for: nodes of the tree that it reads."""
_OPTIONS = ("--config", os.devnull, "--assume-in-transaction")
_OF_NEW_COLUMNS = "A new column constraint"
"""How squawk begins to speak of a constraint of a column that the version before does not write."""


class _Statement(NamedTuple):
    """A statement: where it begins as (line, column) counted from 0, its text, and the comments before and in it."""

    at: tuple[int, int]
    text: str
    comments: str
    kinds: Sequence[str]


_END = _Statement((sys.maxsize, 0), "", "", ())


def migration_findings(old: Release, migrations: Migrations, sources: Sources) -> Iterator[Finding]:
    """What was done to files that are released, and what new ones do to the version before."""
    for service, present in migrations.items():
        released = old.services.get(service)
        before = released.migrations if released else {}
        checksums = {migration.name: migration.checksum for migration in present}
        for name in (name for name in before if checksums.get(name) != before[name]):
            what = "was changed" if name in checksums else "is gone"
            words = f"{what} after {old.version} was released with it: a database that has it does not start again"
            yield Finding(sources.migration(service, name), words, service)
        for at, migration in enumerate(present, 1):
            if not re.match(rf"{at:04}_\w+\.sql$", migration.name):
                words = f"is number {at} of its folder, and not named {at:04}_...sql"
                yield Finding(sources.migration(service, migration.name), words, service)
                break
        for migration in present if released else ():
            if migration.name not in before:
                for line, why in breaking(migration.sql, old.version):
                    where = sources.migration(service, migration.name, line)
                    yield Finding(where, why, f"{service} of {old.version}")


def breaking(sql: str, released: str) -> Iterator[tuple[int, str]]:
    """The line of each statement that would break the version before, and why. Raises FileNotFoundError where squawk is
    not installed."""
    reasons = {rule: f"{why} ({rule})" for why, rules in _REFUSED.items() for rule in rules.split()}
    found = json.loads(_squawk(sql, "--reporter", "json", "--include", ",".join(reasons)))
    unread = [each for each in found if each["rule_name"] == "syntax-error"]  # then it tells of nothing else
    yield from ((each["line"] + 1, f"can't be read by squawk: {each['message']}") for each in unread)
    if "squawk-ignore" in sql:
        at = sql[: sql.index("squawk-ignore")].count("\n") + 1
        yield at, "hushes squawk: say '-- contract: since ... nobody uses it' before the statement instead"
    for statement, following in pairwise([*_statements(sql), _END]):
        why = [_UNREAD[kind] for kind in statement.kinds if kind in _UNREAD]
        for each in found:
            is_of_column = each["message"].startswith(_OF_NEW_COLUMNS)
            if statement.at <= (each["line"], each["column"]) < following.at and not is_of_column:
                why += [reasons[each["rule_name"]]] if each["rule_name"] in reasons else []
        said = _CONTRACT.search(statement.comments)
        if why and (said is None or number(said[1]) > number(released)):
            late = f"; {said[1]} is not released" if said else ""
            yield statement.at[0] + 1, f"{' '.join(statement.text.rstrip(';').split())[:60]!r} {why[0]}{late}"


def _statements(sql: str) -> Iterator[_Statement]:
    """The statements of a file, by the tree that squawk reads: a node a line, with its bytes from and to."""
    text, begin = sql.encode(), 0
    nodes = [_NODE.match(line) for line in _squawk(sql, "--debug", "parse").splitlines()]
    read = [(len(node[1]), node[2], int(node[3]), int(node[4])) for node in nodes if node]
    tops = [at for at, (depth, kind, *_) in enumerate(read) if depth == 2 and kind not in {"COMMENT", "WHITESPACE"}]
    for at, following in zip(tops, [*tops[1:], len(read)], strict=False):
        _, _, start, end = read[at]
        before = text[:start].decode()
        said = [text[a:b].decode() for _, kind, a, b in read if kind == "COMMENT" and begin <= a < end]
        where = (before.count("\n"), len(before) - before.rfind("\n") - 1)
        kinds = tuple(kind for _, kind, *_ in read[at:following])
        yield _Statement(where, text[start:end].decode(), "\n".join(said), kinds)
        begin = end


def _squawk(sql: str, *options: str) -> str:
    command = [str(Path(sys.executable).with_name("squawk")), *_OPTIONS, *options]
    return subprocess.run(command, input=sql, capture_output=True, text=True, check=False).stdout  # noqa: S603 - ours
