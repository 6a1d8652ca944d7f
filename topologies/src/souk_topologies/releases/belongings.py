"""What services own and are called by, and what the chassis writes around their words."""

from collections.abc import Iterator
from typing import Any

from souk_topologies.releases.findings import Finding, Sources
from souk_topologies.releases.model import Release, ReleasedService, Version
from souk_topologies.releases.reading import Why, troubles

_PROTOCOL_FILES = {"event": "Envelope", "problem": "Problem", "call": "CallMessage", "call answer": "CallAnswer"}


def belonging_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of tables, databases and names would break a version of a service that is still running."""
    for name, before in old.services.items():
        now = new.services.get(name)
        if now is None:
            words = f"{name} is gone: take it out of operation before what it owns is removed"
            yield Finding(sources.manifest(name), words, "")
            continue
        for what in (*_of_names(before, now), *_of_tables(before.tables, now.tables)):
            yield Finding(sources.manifest(name), what, f"{name} of {old.version}")


def protocol_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What the chassis writes must be read by the chassis of the last release, and the other way round."""
    for name, before in old.protocol.items():
        now = new.protocol[name]
        where = sources.field(_PROTOCOL_FILES[name], "") or "chassis/src/souk_chassis"
        for each in troubles(now, before):
            if name != "call" or each.why is not Why.UNKNOWN_IF_USED:
                yield _of_protocol(where, f"the {name}'s {each.path} {each.words}", old.version)
        for each in troubles(before, now):
            yield _of_protocol(
                where, f"the {name}'s {each.path} {each.words} in what {old.version} writes", old.version
            )


def _of_protocol(where: str, what: str, version: Version) -> Finding:
    return Finding(where, what, f"every service of {version}")


def _of_names(before: ReleasedService, now: ReleasedService) -> Iterator[str]:
    if now.label != before.label:
        yield f"it is called {now.label}, and it was {before.label}: its address changes under its callers"
    for database in sorted({*before.databases} - {*now.databases}):
        yield f"it no longer owns the database {database}"


def _of_tables(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, table in before.items():
        if name not in now:
            yield f"it no longer owns the table {name}"
            continue
        if now[name]["keys"] != table["keys"]:
            yield f"the table {name} is keyed by {now[name]['keys']}, and it was by {table['keys']}"
        for index, keys in table["indexes"].items():
            if now[name]["indexes"].get(index) != keys:
                yield f"the table {name} has no index {index} by {keys} any more"
        if table["streams"] and not now[name]["streams"]:
            yield f"the table {name} has no stream any more"
