"""Operations: what their callers and their services of the last release and of the tree understand of each other."""

from collections.abc import Iterator

from souk_topologies.releases.findings import Finding, Sources, listed
from souk_topologies.releases.model import Release, ReleasedOperation, Version
from souk_topologies.releases.reading import Trouble, Why, troubles

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
        said = _Saying(before, now, old.version, sources)
        if said.is_asked_for:
            yield from said.of_old_callers(now)
        if now is not None and now.callers:
            yield from said.of_new_callers(now)
    for now in new.operations.values():
        for words in _order_of_deployment(old.operations.get(now.name), now, old, new):
            yield Finding(sources.operation(now.name, now.service), words, "")


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


class _Saying:
    """Findings of one operation that the last release has."""

    def __init__(
        self, before: ReleasedOperation, now: ReleasedOperation | None, version: Version, sources: Sources
    ) -> None:
        self.before = before
        self.version = version
        self.sources = sources
        self.service = before.service if now is None else now.service

    def finding(self, what: str, *, trouble: Trouble | None = None, breaks: str = "") -> Finding:
        place = self.sources.field(trouble.owner, trouble.field) if trouble and trouble.owner else None
        where = place or self.sources.operation(self.before.name, self.service)
        callers = f"{listed(self.before.callers)} of {self.version}"
        public = not self.before.callers and not breaks
        return Finding(where, what, breaks or (callers if not public else "clients of the public API"), public)

    @property
    def is_asked_for(self) -> bool:
        """Whether anybody calls it in the last release, or may: what has no route is for services that declare it."""
        return bool(self.before.callers) or self.before.route is not None

    def of_old_callers(self, now: ReleasedOperation | None) -> Iterator[Finding]:
        """What they ask is taken, and what they are answered is read."""
        if now is None:
            yield self.finding(f"{self.before.name} is gone")
            return
        yield from self._of_the_declaration(now)
        for each in troubles(self.before.request, now.request):
            yield self.finding(f"{now.name}: the request's {each.path} {each.words}", trouble=each)
        for each in troubles(now.response, self.before.response):
            if not self.sources.is_kept_back(each):
                yield self.finding(f"{now.name}: the answer's {each.path} {each.words}", trouble=each)

    def of_new_callers(self, now: ReleasedOperation) -> Iterator[Finding]:
        """The old service takes what they ask, where they use nothing new, and they read what it answers."""
        deployed = f"{self.before.service} of {self.version}"
        for each in troubles(now.request, self.before.request):
            if each.why is Why.UNKNOWN:
                words = f"{now.name}: the request's {each.path} is always sent, and {deployed} refuses it"
                yield self.finding(words, trouble=each, breaks=deployed)
        for each in troubles(self.before.response, now.response):
            words = f"{now.name}: the answer's {each.path} {each.words} where {self.before.service} is still"
            yield self.finding(f"{words} {self.version}", trouble=each, breaks=f"{listed(now.callers)} of this tree")

    def _of_the_declaration(self, now: ReleasedOperation) -> Iterator[Finding]:
        before, name = self.before, self.before.name
        if now.service != before.service:
            yield self.finding(f"{name} moved from {before.service} to {now.service}")
        if now.access != before.access and now.access not in _WIDER[before.access]:
            yield self.finding(f"{name} needs other rights: access {now.access}, and it was {before.access}")
        if before.route is not None and now.route != before.route:
            yield self.finding(f"{name} is no longer {before.route}, but {now.route or 'without a route'}")
        if before.idempotent and not now.idempotent:
            yield self.finding(f"{name} is no longer idempotent, and callers repeat it")
        if now.streams != before.streams:
            yield self.finding(f"{name} {'streams' if now.streams else 'no longer streams'} its answer")
        if before.token_optional and not now.token_optional:
            yield self.finding(f"{name} no longer looks at a token")
        for field, header in before.headers.items():
            if now.headers.get(field) != header:
                yield self.finding(f"{name} no longer takes {field} from the header {header}")
        if further := sorted(set(now.status) - set(before.status)):
            yield self.finding(f"{name} answers {further}, and it answered {before.status}")
        for code, kind in before.errors.items():
            if now.errors.get(code, kind) != kind:
                yield self.finding(f"{name}: the error {code} is {now.errors[code]}, and it was {kind}")
