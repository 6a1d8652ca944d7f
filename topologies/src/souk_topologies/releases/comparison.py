"""The whole check: what in the tree would break what is deployed, and what is to be known before it is deployed."""

from collections.abc import Iterator

from souk_chassis.record_shape import Shape, losses, merged
from souk_topologies.releases.forms import WRITTEN, Form
from souk_topologies.releases.messages import event_findings, operation_findings
from souk_topologies.releases.migrations import migration_findings
from souk_topologies.releases.model import Release, ReleasedService, ReleasedTable, number
from souk_topologies.releases.present import Migrations
from souk_topologies.releases.reading import Why, troubles
from souk_topologies.releases.sources import CLIENTS, Finding, Sources

_PROTOCOL_TYPES = {"event": "Envelope", "problem": "Problem", "call": "CallMessage", "call answer": "CallAnswer"}


def findings(old: Release, new: Release, migrations: Migrations, sources: Sources) -> list[Finding]:
    """All findings: those that break something first. What breaks clients of the public API alone is none where the
    major version has risen."""
    found = [*operation_findings(old, new, sources), *event_findings(old, new, sources)]
    found += [*_of_services(old, new, sources), *_of_protocol(old, new, sources), *_of_shapes(new, sources)]
    found += migration_findings(old, migrations, sources)
    found += [Finding("the gateway", f"{each} is gone", CLIENTS) for each in old.routes if each not in new.routes]
    rises = number(new.version)[0] > number(old.version)[0]
    counted = [each for each in dict.fromkeys(found) if not (rises and each.breaks == CLIENTS)]
    return sorted(counted, key=lambda each: (not each.breaks, each.where, each.what))


def unfrozen(old: Release, new: Release) -> Iterator[str]:
    """What of the tree is other than in the last release, such as `the operation quote`: what no later check would know
    of, were it delivered."""
    kinds = {"the operation {}": "operations", "the event {}": "events", "the service {}": "services"}
    for words, kind in (kinds | {"the {} that the chassis writes": "protocol"}).items():
        before, now = getattr(old, kind), getattr(new, kind)
        for name in sorted({*before, *now}):
            if before.get(name) != now.get(name):
                yield words.format(name)
    if old.routes != new.routes:
        yield "the routes of the gateway"


def _of_services(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of names, databases, tables and records would break a version of a service that is still running."""
    for name, before in old.services.items():
        where, breaks = sources.manifest(name), f"{name} of {old.version}"
        if (now := new.services.get(name)) is None:
            yield Finding(where, f"{name} is gone: take it out of operation before what it owns is removed")
            continue
        yield from (Finding(where, what, breaks) for what in _of_names(before, now))
        for each, table in before.tables.items():
            for what in _of_table(table, now.tables.get(each)):
                yield Finding(where, f"the table {each} {what}", breaks)
        for each in before.records.keys() & now.records.keys():
            for what, is_break in _of_record(before.records[each], now.records[each], breaks):
                yield Finding(where, what, breaks if is_break else "")


def _of_names(before: ReleasedService, now: ReleasedService) -> Iterator[str]:
    if now.label != before.label:
        yield f"it is called {now.label}, and it was {before.label}: its address changes under its callers"
    yield from (f"it no longer owns the database {each}" for each in sorted({*before.databases} - {*now.databases}))
    yield from (f"it no longer keeps {each}" for each in sorted(before.records.keys() - now.records.keys()))


def _of_table(before: ReleasedTable, now: ReleasedTable | None) -> Iterator[str]:
    if now is None:
        yield "is no longer its own"
        return
    if now.keys != before.keys:
        yield f"is keyed by {now.keys}, and it was by {before.keys}"
    for index, keys in before.indexes.items():
        if now.indexes.get(index) != keys:
            yield f"has no index {index} by {keys} any more"
    if before.streams and not now.streams:
        yield "has no stream any more"


def _of_record(before: Shape, now: Shape, deployed: str) -> Iterator[tuple[str, bool]]:
    """Both versions read and write it: each must read what the other stored, and find it. With each sentence goes
    whether it breaks something: a value more of an enumeration is to be known, until somebody writes it."""
    name = before["name"]
    yield from ((what, True) for what in losses(before, now))
    for kind in ("unique", "lists"):
        for each, fields in before[kind].items():
            if now[kind].get(each) != fields:
                yield f"{name} has lost {each}, or has it by other fields: {deployed} asks for it", True
    for each in now["unique"].keys() - before["unique"].keys():
        yield f"{name} has {each}, which is new: it may refuse what {deployed} stores", True
    if now["expires"] != before["expires"]:
        yield f"{name} expires by {now['expires'] or 'nothing'}, and it did by {before['expires'] or 'nothing'}", True
    for field in before["fields"].keys() - now["fields"].keys():
        if before["fields"][field]["required"]:
            yield f"{name} no longer has {field}, which {deployed} needs: give it a default first", True
    for what in losses({**merged(before, now), "key": before["key"]}, before):
        if " has lost its default" not in what and what not in losses(before, now):  # what is stored has every field
            yield f"in {deployed}, which reads it too: {what}", " may no longer be " not in what


def _of_protocol(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What the chassis writes must be read by the chassis of the last release, and the other way round."""
    for name, before in old.protocol.items():
        now, where = new.protocol[name], sources.type(_PROTOCOL_TYPES[name]) or "chassis/src/souk_chassis"
        said = [(each, "") for each in troubles(now, before) if name != "call" or each.why is not Why.UNKNOWN_IF_USED]
        for each, told in (*said, *((each, f" in what {old.version} writes") for each in troubles(before, now))):
            yield Finding(where, f"the {name}'s {each.path} {each.words}{told}", f"every service of {old.version}")


def _of_shapes(new: Release, sources: Sources) -> Iterator[Finding]:
    """Whether types can grow at all: what is told passes over unknown fields where it is read, and requests refuse
    them. Each type once."""
    parts = [(f"{each.type}: its", each.data, True, sources.event(each.type)) for each in new.events.values()]
    for each in new.operations.values():
        where = sources.operation(each.name, each.service)
        parts.append((f"{each.name}: its answer's", each.response, True, where))
        parts.append((f"{each.name}: its request's", each.request, False, where))
    told: dict[tuple[str, bool], Finding] = {}
    for whose, form, is_told, where in parts:
        words = "refuses unknown fields, so that none can be added: derive it from Lenient"
        words = words if is_told else "swallows unknown fields: derive it from Message"
        for title in _structs(form, strict=is_told):
            found = Finding(sources.type(title) or where, f"{whose} {title} {words}", "the next release")
            told.setdefault((title, is_told), found)
    return iter(told.values())


def _structs(form: Form, *, strict: bool) -> Iterator[str]:
    """The types of a form that refuse unknown fields, or those that don't."""
    for definition in form.get("$defs", {}).values():
        if WRITTEN in definition and (definition.get("additionalProperties") is False) is strict:
            yield definition["title"]
