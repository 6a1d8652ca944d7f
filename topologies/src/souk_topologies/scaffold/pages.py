"""The pages of docs/reference that name every event and every error: what a new service adds to them."""

import re
from collections.abc import Callable, Mapping

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.words import Words

EVENT = "| `WidgetCreated` | `souk.WidgetCreated.v1` | widgets | nobody | `widgetId`, `title` |\n"
ERRORS = (
    "\n## Widgets\n| code | kind | status | when |\n|---|---|---|---|\n"
    "| `widget_not_found` | `not_found` | 404 | no widget has this id |\n"
)


def add_event(text: str, words: Words) -> str:
    """docs/reference/events.md with the service's event, after the last one. Raises ScaffoldError."""
    rows = list(re.finditer(r"^\| `\w+` \| `souk\.\w+\.v\d+` \|.*\n", text, re.MULTILINE))
    if not rows:
        raise ScaffoldError("docs/reference/events.md: the table of events can't be found")
    end = rows[-1].end()
    return text[:end] + words.write(EVENT) + text[end:]


def add_errors(text: str, words: Words) -> str:
    """docs/reference/errors.md with a section for the service, after those of the others. Raises ScaffoldError."""
    before, found, after = text.partition("\n## Queues\n")
    if not found:
        raise ScaffoldError("docs/reference/errors.md: the sections of services can't be found")
    return before + words.write(ERRORS) + found + after


PAGES: Mapping[str, Callable[[str, Words], str]] = {
    "docs/reference/events.md": add_event,
    "docs/reference/errors.md": add_errors,
}
"""What changes each page."""
