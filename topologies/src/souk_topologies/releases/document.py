"""The public API by its OpenAPI document: what a client that was written for the last release would miss.

The forms of requests and answers are compared with the operations (`calls`); this is about routes and parameters.
"""

from collections.abc import Iterator
from typing import Any

from souk_topologies.releases.findings import Finding, Sources
from souk_topologies.releases.model import Release

_CLIENTS = "clients of the public API"


def document_findings(old: Release, new: Release, sources: Sources) -> Iterator[Finding]:
    """What of routes, parameters and tokens would break a client."""
    routes = dict(_routes(new.document))
    for route, before in _routes(old.document):
        now = routes.get(route)
        name, [service] = before["operationId"], before["tags"]
        where = sources.operation(name, service)
        if now is None:
            if name not in old.operations:  # the gateway's own: the others are told of where operations are compared
                yield Finding(where, f"{route} is gone", _CLIENTS, only_public=True)
            continue
        for what in (*_of_parameters(before, now), *_of_tokens(before, now)):
            yield Finding(where, f"{route} {what}", _CLIENTS, only_public=True)


def _routes(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield f"{method.upper()} {path}", described


def _of_parameters(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    known = {parameter["name"]: parameter for parameter in before.get("parameters", [])}
    present = {parameter["name"]: parameter for parameter in now.get("parameters", [])}
    for name, parameter in known.items():
        if name not in present:
            yield f"no longer takes {name} in the {parameter['in']}"
        elif present[name]["in"] != parameter["in"]:
            yield f"takes {name} in the {present[name]['in']}, and took it in the {parameter['in']}"
    for name, parameter in present.items():
        if parameter["required"] and not known.get(name, {}).get("required"):
            yield f"needs {name} in the {parameter['in']}"


def _of_tokens(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if {} in before.get("security", []) and {} not in now.get("security", []):
        yield "needs a token"
