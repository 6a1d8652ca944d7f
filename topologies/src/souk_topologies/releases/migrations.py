"""Migrations: forward only, and such that the version before works on what they make of the database.

A migration runs when the first new process of a service starts, and the old ones go on meanwhile: expand in one
release, contract in a later one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from souk_chassis.storage.migrations import Migration
from souk_topologies.releases.findings import Finding, Sources
from souk_topologies.releases.model import Release, Version
from souk_topologies.releases.present import Migrations
from souk_topologies.releases.statements import Statement, actions, statements

_CONTRACT = re.compile(r"contract: since (\d+\.\d+\.\d+) nobody uses it")
_NAME = r'(?:IF EXISTS |IF NOT EXISTS |ONLY )*(?P<name>[\w."]+)'
_ALTER = re.compile(rf"ALTER TABLE {_NAME}(?P<actions>.*)", re.IGNORECASE)
# A table that is made if it is not there may be there: it is no new one.
_CREATE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?!IF NOT EXISTS\b)(?P<name>[\w.\"]+)", re.IGNORECASE)
_UNIQUE = re.compile(r"CREATE UNIQUE INDEX\b.*? ON (?:ONLY )?(?P<name>[\w.\"]+)", re.IGNORECASE)
_DELETE = re.compile(r"(?:WITH\b.*\( ?)?DELETE FROM (?:ONLY )?(?P<name>[\w.\"]+)", re.IGNORECASE)

_OF_STATEMENTS = {
    r"DROP (?!INDEX)(?P<what>\w+)": "takes away what the version before may use",
    r"ALTER (?!TABLE\b|INDEX\b)\w+ .*\bRENAME\b": "renames what the version before may use",
    r"ALTER TYPE (?!.*\bADD VALUE\b)": "changes a type that the version before uses",
    r"ALTER DOMAIN .*\b(ADD|SET NOT NULL)\b": "may refuse what the version before writes",
    r"TRUNCATE\b": "empties what the version before reads",
    r"DO\b": "runs a program, which is not read here: write it as statements",
    r"REVOKE\b": "takes rights away",
    r"(?:WITH\b.*)?MERGE\b.*\bTHEN DELETE\b": "takes away rows",
}
_OF_ACTIONS = {
    r"DROP (?!CONSTRAINT\b|DEFAULT\b|NOT\b|EXPRESSION\b|IDENTITY\b)": "drops a column that the version before may use",
    r"RENAME\b": "renames what the version before uses",
    r"SET SCHEMA\b": "moves what the version before uses",
    r"ALTER (COLUMN )?\S+ (SET DATA )?TYPE\b": "changes the type of a column that the version before uses",
    r"ALTER (COLUMN )?\S+ SET NOT NULL": "demands a value that the version before may not give",
    r"ALTER (COLUMN )?\S+ DROP (DEFAULT|IDENTITY|EXPRESSION)\b": "demands a value that the version before may not give",
    r"OWNER TO\b": "takes rights away",
    r"ADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b": "may refuse what the version before writes",
    r"ADD (?=.*\b(NOT NULL|PRIMARY KEY)\b)(?!.*\b(DEFAULT|GENERATED|\w*SERIAL)\b)": "demands a value that is not given",
    r"ADD (?=.*\b(UNIQUE|PRIMARY KEY)\b)(?=.*\bDEFAULT (?!\w+\())": "gives all rows of the version before one value",
    r"ALTER (COLUMN )?\S+ (ADD|SET) GENERATED ALWAYS": "refuses a value that the version before gives",
    r"DETACH\b": "takes away rows that the version before reads",
    r"(ENABLE|FORCE) ROW LEVEL SECURITY": "may hide rows from the version before",
}
"""What is refused, by how a statement or an action of ALTER TABLE begins."""


def migration_findings(old: Release, present: Migrations, sources: Sources) -> Iterator[Finding]:
    """What was done to files that are released, and what new ones do to the version before."""
    for service, migrations in present.items():
        before = old.services[service].migrations if service in old.services else {}
        yield from _of_released(service, before, migrations, old.version, sources)
        yield from _of_numbers(service, migrations, sources)
        for migration in migrations if service in old.services else ():
            if migration.name not in before:
                for line, why in breaking(migration.sql, old.version):
                    where = sources.migration(service, migration.name, line)
                    yield Finding(where, why, f"{service} of {old.version}")


def breaking(sql: str, released: Version) -> Iterator[tuple[int, str]]:
    """The line of each statement that would break the version before, and why."""
    made: set[str] = set()
    for statement in statements(sql):
        if created := _CREATE.match(statement.sql):
            made.add(created["name"])
        why = _why(statement, made)
        said = _CONTRACT.search(statement.comments)
        if why is None or (said is not None and Version.parse(said[1]) <= released):
            continue
        late = f"; {said[1]} is not released" if said is not None else ""
        yield statement.line, f"{statement.sql[:60]!r} {why}{late}"


def _why(statement: Statement, made: set[str]) -> str | None:
    for begin, why in _OF_STATEMENTS.items():
        if re.match(begin, statement.sql, re.IGNORECASE):
            return why
    for pattern, why in ((_UNIQUE, "may refuse what the version before writes"), (_DELETE, "takes away rows")):
        found = pattern.match(statement.sql)
        if found and found["name"] not in made:
            return why
    alter = _ALTER.match(statement.sql)
    if alter is None or alter["name"] in made:
        return None
    for action in actions(alter["actions"]):
        for begin, why in _OF_ACTIONS.items():
            if re.match(begin, action, re.IGNORECASE):
                return why
    return None


def _of_released(
    service: str, before: Mapping[str, str], present: Sequence[Migration], version: Version, sources: Sources
) -> Iterator[Finding]:
    checksums = {migration.name: migration.checksum for migration in present}
    for name, checksum in before.items():
        if checksums.get(name) != checksum:
            what = "was changed" if name in checksums else "is gone"
            words = f"{what} after {version} was released with it: a database that has it does not start again"
            yield Finding(sources.migration(service, name), words, service)


def _of_numbers(service: str, present: Sequence[Migration], sources: Sources) -> Iterator[Finding]:
    """0001, 0002, ... without a hole: new ones come after all that is released."""
    for number, migration in enumerate(present, 1):
        if not re.match(rf"{number:04}_\w+\.sql$", migration.name):
            where = sources.migration(service, migration.name)
            yield Finding(where, f"is number {number} of its folder, and not named {number:04}_...sql", service)
            return
