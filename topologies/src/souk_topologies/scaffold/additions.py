"""What a new service adds to files that people edit, beside the lists: a place that is not found, it refuses."""

import re
from collections.abc import Callable, Iterable, Mapping

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.words import Words

EVENT = "| `WidgetCreated` | `souk.WidgetCreated.v1` | widgets | nobody | `widgetId`, `title` |\n"
HEARD = "| act on a new widget | `WidgetCreated` | its id and title |\n"
ERRORS = (
    "\n## Widgets\n| code | kind | status | when |\n|---|---|---|---|\n"
    "| `widget_not_found` | `not_found` | 404 | no widget has this id |\n"
)
_NEEDS = re.compile(r"^\| .+ \| `\w+`(?:, `\w+`)* \| .+ \|\n", re.MULTILINE)
_EVENTS = re.compile(r"^\| `\w+` \| `souk\.\w+\.v\d+` \|.*\n", re.MULTILINE)
_IMAGES = re.compile(r"^- name: souk/([a-z]+-service)\n(?:  new\w+: .+\n)+", re.MULTILINE)


def _after_last(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = list(pattern.finditer(text))
    if not found:
        raise ScaffoldError(f"{what} can't be found")
    return found[-1]


def add_event(text: str, words: Words) -> str:
    """docs/reference/events.md with the service's event, after the last one. Raises ScaffoldError."""
    end = _after_last(_EVENTS, text, "docs/reference/events.md: the table of events").end()
    return text[:end] + words.write(EVENT) + text[end:]


def add_need(text: str, words: Words) -> str:
    """docs/reference/which-event-to-hear.md with the service's event, after the last one. Raises ScaffoldError."""
    end = _after_last(_NEEDS, text, "docs/reference/which-event-to-hear.md: the table of events").end()
    return text[:end] + words.write(HEARD) + text[end:]


def add_errors(text: str, words: Words) -> str:
    """docs/reference/errors.md with a section for the service, after those of the others. Raises ScaffoldError."""
    before, found, after = text.partition("\n## Queues\n")
    if not found:
        raise ScaffoldError("docs/reference/errors.md: the sections of services can't be found")
    return before + words.write(ERRORS) + found + after


def add_hearer(text: str, words: Words, events: Iterable[str]) -> str:
    """docs/reference/events.md with the service among those who hear these events. Raises ScaffoldError."""
    for event in events:
        row = re.compile(rf"^(\| `{event}` \| `[^`]+` \| \w+ \| )([^|]+) \|", re.MULTILINE)
        hearers = _after_last(row, text, f"docs/reference/events.md: {event}")[2]
        heard_by = words.plural if hearers == "nobody" else f"{hearers}, {words.plural}"
        text = row.sub(rf"\g<1>{heard_by} |", text)
    return text


def add_image(text: str, words: Words) -> str:
    """An overlay of Kubernetes with the service's image, named as the last one's is. Raises ScaffoldError."""
    last = _after_last(_IMAGES, text, "infra/kubernetes/overlays: the images of services")
    return text[: last.end()] + last[0].replace(last[1], words.label) + text[last.end() :]


EVENTS = "docs/reference/events.md"
IMAGES = ("infra/kubernetes/overlays/kind/kustomization.yaml", "infra/kubernetes/overlays/eks/kustomization.yaml")
"""Where the images of a cluster's services are named."""
ADDITIONS: Mapping[str, Callable[[str, Words], str]] = {
    EVENTS: add_event,
    "docs/reference/which-event-to-hear.md": add_need,
    "docs/reference/errors.md": add_errors,
    **dict.fromkeys(IMAGES, add_image),
}
"""What changes each file. A shop that has done away with one of them goes without."""
