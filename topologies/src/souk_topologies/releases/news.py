"""Events: what publishers and consumers of the last release and of the tree understand of each other."""

from collections.abc import Iterator, Mapping

from souk_topologies.releases.findings import Finding, Sources, listed
from souk_topologies.releases.model import Release, ReleasedEvent, Version
from souk_topologies.releases.reading import Trouble, troubles


def event_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of the events would break a consumer or a publisher of the last release, and what is to be known."""
    for name, before in old.events.items():
        now = new.events.get(name)
        said = _Saying(before, old.version, sources)
        yield from said.of_publishing(now, old.events, new.events)
        yield from said.of_hearing(now, old.events, new)
        if now is not None:
            yield from said.of_data(now)


class _Saying:
    """Findings of one type of event that the last release has."""

    def __init__(self, before: ReleasedEvent, version: Version, sources: Sources) -> None:
        self.before = before
        self.version = version
        self.sources = sources

    def finding(self, what: str, breaks: str, trouble: Trouble | None = None) -> Finding:
        place = self.sources.field(trouble.owner, trouble.field) if trouble and trouble.owner else None
        return Finding(place or self.sources.event(self.before.type), f"{self.before.type}: {what}", breaks)

    def of_publishing(
        self, now: ReleasedEvent | None, old: Mapping[str, ReleasedEvent], new: Mapping[str, ReleasedEvent]
    ) -> Iterator[Finding]:
        """Whom the last release lets hear of it must go on subscription of it, by this version or by another."""
        if not self.before.published_by or (now is not None and now.published_by):
            if now is not None and now.topic != self.before.topic:
                yield self.finding(
                    f"its topic is {now.topic}, and it was {self.before.topic}",
                    self._of([*self.before.published_by, *self.before.heard_by]),
                )
            return
        others = [other for other in _versions(self.before, old) if other in new and new[other].published_by]
        deaf = [service for service in self.before.heard_by if not any(service in old[o].heard_by for o in others)]
        if deaf:
            yield self.finding("nobody publishes it any more", self._of(deaf))

    def of_hearing(
        self, now: ReleasedEvent | None, old: Mapping[str, ReleasedEvent], new: Release
    ) -> Iterator[Finding]:
        """What the last release publishes is heard by those who heard it: in the same queue, or in another version that
        the last release publishes along with it."""
        subscription = {} if now is None else now.heard_by
        others = _versions(self.before, new.events)
        for service, queue in self.before.heard_by.items():
            if service not in new.services or not self.before.published_by or subscription.get(service) == queue:
                continue
            instead = [other for other in others if service in new.events[other].heard_by]
            if service in subscription:
                yield self.finding(f"{service} hears it in {subscription[service]}, and it waits in {queue}", service)
            elif not instead:
                if now is not None and now.published_by:
                    yield self._note(service, f"no longer hears {self.before.type}: what waits in {queue} is left")
            elif any(set(self.before.published_by) <= set(_publishers(old, other)) for other in instead):
                yield self._note(service, f"hears {instead[0]} alone now: let {queue} run empty before it is deployed")
            else:
                what = f"{service} hears {instead[0]} instead, and {listed(self.before.published_by)} of {self.version}"
                yield self.finding(f"{what} publishes this alone", f"{service} of this tree, which misses it")

    def _note(self, service: str, what: str) -> Finding:
        return Finding(self.sources.manifest(service), f"{service} {what}", "")

    def of_data(self, now: ReleasedEvent) -> Iterator[Finding]:
        """The old consumers read what is published now, and the present ones what was and still waits in queues."""
        old_hearers = list(self.before.heard_by) if now.published_by else []
        for each in troubles(now.data, self.before.data) if old_hearers else ():
            if not self.sources.is_kept_back(each):
                yield self.finding(f"its {each.path} {each.words}", self._of(old_hearers), each)
        hearers = list(now.heard_by) if self.before.published_by else []
        for each in troubles(self.before.data, now.data) if hearers else ():
            words = f"its {each.path} {each.words} in what {listed(self.before.published_by)} of {self.version} publish"
            yield self.finding(words, f"{listed(hearers)} of this tree", each)

    def _of(self, services: list[str]) -> str:
        return f"{listed(services)} of {self.version}"


def _versions(event: ReleasedEvent, events: Mapping[str, ReleasedEvent]) -> list[str]:
    """The other versions of the same event."""
    stem = event.type.rpartition(".")[0]
    return [name for name in events if name.rpartition(".")[0] == stem and name != event.type]


def _publishers(events: Mapping[str, ReleasedEvent], name: str) -> list[str]:
    return events[name].published_by if name in events else []
