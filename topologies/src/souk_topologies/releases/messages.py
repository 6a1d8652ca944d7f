"""Operations and events: what callers and services, publishers and hearers, of the last release and of the tree,
understand of each other."""

from collections.abc import Iterator, Mapping

from souk_topologies.releases.forms import name_of
from souk_topologies.releases.model import Release, ReleasedEvent, ReleasedOperation
from souk_topologies.releases.reading import Why, troubles
from souk_topologies.releases.sources import CLIENTS, Finding, Sources, listed

_WIDER = {
    "service": {"public"},
    "admin": {"customer", "owner", "public"},
    "customer": {"public"},
    "owner": {"public"},
    "public": set[str](),
}
"""By access, the others that nobody is shut out by."""


def operation_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of the operations would break a caller or a service of the last release, and what is to be known."""
    for name, before in old.operations.items():
        now = new.operations.get(name)
        where = sources.operation(name, (now or before).service)
        callers = f"{listed(before.callers)} of {old.version}" if before.callers else CLIENTS
        is_asked_for = (
            before.callers or before.route is not None
        )  # without a route it is for those who declare the call
        if now is None:
            yield from [Finding(where, f"{name} is gone", callers)] if is_asked_for else ()
            continue
        if is_asked_for:
            yield from (Finding(where, f"{name} {what}", callers) for what in _of_declaration(before, now))
            asked = [("request", each) for each in troubles(before.request, now.request)]
            for part, each in (*asked, *(("answer", each) for each in troubles(now.response, before.response))):
                if not sources.is_kept_back(each):
                    yield Finding(sources.of(each, where), f"{name}: the {part}'s {each.path} {each.words}", callers)
        if now.callers:
            deployed, these = f"{before.service} of {old.version}", f"{listed(now.callers)} of this tree"
            for each in troubles(now.request, before.request):
                if each.why is Why.UNKNOWN:
                    what = f"{name}: the request's {each.path} is always sent, and {deployed} refuses it"
                    yield Finding(sources.of(each, where), what, deployed)
            for each in troubles(before.response, now.response):
                what = f"{name}: the answer's {each.path} {each.words} where {before.service} is still {old.version}"
                yield Finding(sources.of(each, where), what, these)
    for now in new.operations.values():
        for what in _order_of_deployment(old.operations.get(now.name), now, old, new):
            yield Finding(sources.operation(now.name, now.service), what)


def _of_declaration(before: ReleasedOperation, now: ReleasedOperation) -> Iterator[str]:
    if now.service != before.service:
        yield f"moved from {before.service} to {now.service}"
    if now.access != before.access and now.access not in _WIDER[before.access]:
        yield f"needs other rights: access {now.access}, and it was {before.access}"
    if before.route is not None and now.route != before.route:
        yield f"is no longer {before.route}, but {now.route or 'without a route'}"
    if before.idempotent and not now.idempotent:
        yield "is no longer idempotent, and callers repeat it"
    if now.streams != before.streams:
        yield f"{'streams' if now.streams else 'no longer streams'} its answer"
    if before.token_optional and not now.token_optional:
        yield "no longer looks at a token"
    asked = {name.lower() for name in before.request["$defs"][name_of(before.request)].get("properties", {})}
    for field in sorted({*before.headers, *now.headers}):
        took, takes = (each.headers.get(field, "the body, path or query") for each in (before, now))
        if took != takes and field.replace("_", "") in asked:
            yield f"takes {field} from {takes}, and took it from {took}"
    if further := sorted(set(now.status) - set(before.status)):
        yield f"answers {further}, and it answered {before.status}"
    for code, kind in before.errors.items():
        if now.errors.get(code, kind) != kind:
            yield f"has the error {code} as {now.errors[code]}, and it was {kind}"


def _order_of_deployment(
    before: ReleasedOperation | None, now: ReleasedOperation, old: Release, new: Release
) -> Iterator[str]:
    """A service lets those call it whose manifests said so when it was built: a caller more comes after it, and one
    less before it."""
    known = before.callers if before else []
    if more := [caller for caller in now.callers if caller in old.services and caller not in known]:
        lacks = f"does not let {'them' if len(more) > 1 else 'it'} call" if before else "does not offer"
        yield f"deploy {now.service} before {listed(more)}: {old.version} {lacks} {now.name}"
    if fewer := [caller for caller in known if caller in new.services and caller not in now.callers]:
        yield f"deploy {listed(fewer)} before {now.service}: {old.version} still calls {now.name}"


def event_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of the events would break a hearer or a publisher of the last release, and what is to be known."""
    for name, before in old.events.items():
        now = new.events.get(name) or ReleasedEvent(name)
        where, these = sources.event(name), f"{listed(list(now.heard_by))} of this tree"
        for what, services in _of_publishing(before, now, old.events, new.events):
            yield Finding(where, f"{name}: {what}", f"{listed(services)} of {old.version}")
        yield from _of_hearing(before, now, old, new, sources)
        for each in troubles(now.data, before.data) if now.published_by and before.heard_by else ():
            if not sources.is_kept_back(each):
                hearers = f"{listed(list(before.heard_by))} of {old.version}"
                yield Finding(sources.of(each, where), f"{name}: its {each.path} {each.words}", hearers)
        for each in troubles(before.data, now.data) if before.published_by and now.heard_by else ():
            told = f"in what {listed(before.published_by)} of {old.version} publish"  # and what waits in queues
            yield Finding(sources.of(each, where), f"{name}: its {each.path} {each.words} {told}", these)


def _of_publishing(
    before: ReleasedEvent, now: ReleasedEvent, old: Mapping[str, ReleasedEvent], new: Mapping[str, ReleasedEvent]
) -> Iterator[tuple[str, list[str]]]:
    """Whom the last release lets hear of it must go on hearing of it, by this version or by another."""
    if before.published_by and now.published_by and now.topic != before.topic:
        yield f"its topic is {now.topic}, and it was {before.topic}", [*before.published_by, *before.heard_by]
    if before.published_by and not now.published_by:
        others = [other for other in _versions(before, old) if other in new and new[other].published_by]
        deaf = [service for service in before.heard_by if not any(service in old[other].heard_by for other in others)]
        yield from [("nobody publishes it any more", deaf)] if deaf else ()


def _of_hearing(
    before: ReleasedEvent, now: ReleasedEvent, old: Release, new: Release, sources: Sources
) -> Iterator[Finding]:
    """What the last release publishes is heard by those who heard it: in the same queue, or in another version that the
    last release publishes along with it."""
    name = before.type
    for service, queue in before.heard_by.items() if before.published_by else ():
        if service not in new.services or now.heard_by.get(service) == queue:
            continue
        instead = [other for other in _versions(before, new.events) if service in new.events[other].heard_by]
        along = [set(old.events[other].published_by) for other in instead if other in old.events]
        if service in now.heard_by:
            what = f"{name}: {service} hears it in {now.heard_by[service]}, and it waits in {queue}"
            yield Finding(sources.event(name), what, service)
        elif not instead and now.published_by:
            what = f"{service} no longer hears {name}: what waits in {queue} is left"
            yield Finding(sources.manifest(service), what)
        elif any(set(before.published_by) <= each for each in along):
            what = f"{service} hears {instead[0]} alone now: let {queue} run empty before it is deployed"
            yield Finding(sources.manifest(service), what)
        elif instead:
            publishers = f"{listed(before.published_by)} of {old.version}"
            what = f"{name}: {service} hears {instead[0]} instead, and {publishers} publishes this alone"
            yield Finding(sources.event(name), what, f"{service} of this tree, which misses it")


def _versions(event: ReleasedEvent, events: Mapping[str, ReleasedEvent]) -> list[str]:
    """The other versions of the same event."""
    stem = event.type.rpartition(".")[0]
    return [name for name in events if name.rpartition(".")[0] == stem and name != event.type]
