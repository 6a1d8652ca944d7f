"""Whether types can grow at all: what is told passes over unknown fields where it is read, and requests refuse them."""

from collections.abc import Iterator

from souk_topologies.releases.findings import Finding, Sources
from souk_topologies.releases.forms import WRITTEN, Form
from souk_topologies.releases.model import Release


def shape_findings(new: Release, sources: Sources) -> Iterator[Finding]:
    """Answers and events that refuse unknown fields, and requests that swallow them: each type once."""
    told: set[str] = set()
    for each in _all(new, sources):
        if each.where not in told:
            told.add(each.where)
            yield each


def _all(new: Release, sources: Sources) -> Iterator[Finding]:
    for operation in new.operations.values():
        here = sources.operation(operation.name, operation.service)
        for title in _structs(operation.response, strict=True):
            what = (
                f"{operation.name}: its answer's {title} refuses unknown fields, so that none can be added: derive it"
            )
            yield Finding(sources.field(title, "") or here, f"{what} from Lenient", "callers of the next release")
        for title in _structs(operation.request, strict=False):
            what = f"{operation.name}: its request's {title} swallows unknown fields: derive it from Message"
            yield Finding(sources.field(title, "") or here, what, "callers who misspell one")
    for event in new.events.values():
        for title in _structs(event.data, strict=True):
            what = (
                f"{event.type}: its {title} refuses unknown fields, so that none can be added: derive it from Lenient"
            )
            yield Finding(sources.field(title, "") or sources.event(event.type), what, "hearers of the next release")


def _structs(form: Form, *, strict: bool) -> Iterator[str]:
    """The types of a form that refuse unknown fields, or those that don't."""
    for definition in form.get("$defs", {}).values():
        if WRITTEN in definition and (definition.get("additionalProperties") is False) is strict:
            yield definition["title"]
