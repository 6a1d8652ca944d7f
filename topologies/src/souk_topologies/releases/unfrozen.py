"""What of the tree is not in the last release: what no later check would know of, were it delivered."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from souk_topologies.releases.forms import Form
from souk_topologies.releases.model import Release

_PROSE = {"description", "title"}
"""Keys of a form that are for people."""
_NAMED = {"properties", "$defs"}
"""Keys of a form under which names stand, which may be any word."""


def unfrozen(old: Release, new: Release) -> Iterator[str]:
    """What of the tree is other than in the last release, such as `the operation quote`. Prose does not count."""
    for kind in ("operation", "event", "service"):
        before, now = (getattr(release, f"{kind}s") for release in (old, new))
        for name in sorted({*before, *now}):
            if _bare_of(before.get(name)) != _bare_of(now.get(name)):
                yield f"the {kind} {name}"
    for name in sorted({*old.protocol, *new.protocol}):
        if _bare_of(old.protocol.get(name)) != _bare_of(new.protocol.get(name)):
            yield f"the {name} that the chassis writes"


def _bare_of(declared: object) -> Any:
    return _bare(msgspec.to_builtins(declared))


def _bare(value: Any) -> Any:
    """The same without prose."""
    if isinstance(value, Mapping):
        return {key: _named(part) if key in _NAMED else _bare(part) for key, part in value.items() if key not in _PROSE}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _named(parts: Form) -> Form:
    return {name: _bare(part) for name, part in parts.items()}
