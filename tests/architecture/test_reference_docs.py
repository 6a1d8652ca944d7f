"""The pages of docs/reference say what the code says: each is compared with it in both directions, and a planted fault
in each page is caught."""

import ast
import dataclasses
import importlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest

from souk_chassis.errors import KIND_RULES, ErrorKind
from souk_chassis.resilience.policy import Policy
from souk_chassis.wire import Lenient, Message
from souk_topologies.cli.main import souk
from souk_topologies.shop import SERVICES, manifests
from tests.architecture.doc_tables import DOCS, ROOT, differing, page, rows, words

SOURCES = ("chassis/src", "contracts/src", "topologies/src", *(f"services/{name}/src" for name in SERVICES))

NO_LIMITS = {
    "souk_chassis.hosts.server.MISUSED": "an exit status",
    "souk_chassis.storage.migrations.LOCK_KEY": "the number of a lock",
    "souk_topologies.data.making.SMALL_QUANTITY_BELOW": "how the shipped catalogue was made",
    "souk_topologies.kubernetes.workloads.RUN_AS": "the number of a user",
    "souk_topologies.network.AGENT_PORT": "stands in network.md",
    "souk_topologies.network.BALANCER_PORT": "stands in network.md",
    "souk_topologies.network.DNS_PORT": "stands in network.md",
    "souk_topologies.network.HTTPS_PORT": "stands in network.md",
    "souk_topologies.network.POSTGRES_PORT": "stands in network.md",
    "souk_topologies.postgres.embedded.PORT": "part of a socket's name",
    "souk_chassis.storage.provision.OLDEST_VERSION": "the number of a version",
    "souk_topologies.replay.reader.WIDE_ORDER_LINES": "what a figure of the history counts",
    "souk_topologies.settings.DEFAULT_PORT": "stands in command.md",
}
"""Constants with a number that limit nothing."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the sources but the doubles for tests, by its dotted name."""
    found = {}
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT / folder).with_suffix("").parts).removesuffix(".__init__")
            if ".testing" not in name and not name.endswith("__main__"):
                found[name] = ast.parse(path.read_text("utf-8"))
    return found


def number(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


# --- limits.md


def field_of(owner: object, name: str, *, as_type: bool) -> object:
    """A part of a module or an object: for a class, the default of its field, or the field's type."""
    if isinstance(owner, type) and issubclass(owner, msgspec.Struct):
        found = next(field for field in msgspec.structs.fields(owner) if field.name == name)
        return found.type if as_type else found.default
    if isinstance(owner, type) and dataclasses.is_dataclass(owner):
        return next(field.default for field in dataclasses.fields(owner) if field.name == name)
    return getattr(owner, name)


def look_up(path: str) -> object:
    """The object of a path such as `package.module.Class.field`, `...TABLE[key].field` or `...Type:max_length`."""
    dotted, _, bound = path.partition(":")
    names = dotted.replace("[", ".[").split(".")
    depth = next(n for n in range(len(names), 0, -1) if ".".join(names[:n]) in modules())
    found: object = importlib.import_module(".".join(names[:depth]))
    for name in names[depth:]:
        if name.startswith("["):
            assert isinstance(found, dict)
            found = found[name.strip("[]")]
        else:
            found = field_of(found, name, as_type=bool(bound))
    if bound:
        found = next(value for meta in metas(found) if (value := getattr(meta, bound)) is not None)
    return found


def metas(kind: object) -> Iterator[msgspec.Meta]:
    """The bounds of a type, its own before those of its parts."""
    for part in (*getattr(kind, "__metadata__", ()), *get_args(kind)):
        if isinstance(part, msgspec.Meta):
            yield part
        else:
            yield from metas(part)


@cache
def limits_in_code() -> dict[str, float]:
    """Public constants that are numbers, and the fields of a policy."""
    found = {}
    for name, body in modules().items():
        for node in body.body:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
            for target in targets:
                if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_"):
                    value = number(getattr(importlib.import_module(name), target.id))
                    if value is not None:
                        found[f"{name}.{target.id}"] = value
    policy = f"{Policy.__module__}.{Policy.__name__}"
    return found | {
        f"{policy}.{field.name}": float(getattr(Policy(), field.name)) for field in msgspec.structs.fields(Policy)
    }


@cache
def bounds_in_contracts() -> frozenset[float]:
    """The most that the types of messages allow. Those that other tests make in this process are not the sources'."""
    kinds = [kind for base in (Message, Lenient) for kind in descendants(base) if kind.__module__ in modules()]
    found = [meta for kind in kinds for field in msgspec.structs.fields(kind) for meta in metas(field.type)]
    return frozenset(bound for meta in found for bound in (meta.max_length, meta.le) if bound is not None)


def descendants(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def limit_faults(text: str) -> list[str]:
    faults, told = [], {}
    for what, shown, constant, *_ in rows(text, "what", "value", "constant", "at the limit"):
        [path] = words(constant)
        told[path] = float(shown.replace(",", ""))
        if number(look_up(path)) != told[path]:
            faults.append(f"{what}: {shown} is told, {path} is {look_up(path)}")
    faults += [
        f"{path} is not in the page" for path in sorted(limits_in_code().keys() - told.keys() - NO_LIMITS.keys())
    ]
    faults += [
        f"{path} needs no exception" for path in sorted(NO_LIMITS.keys() - (limits_in_code().keys() - told.keys()))
    ]
    return faults + [
        f"the bound {bound} is not in the page" for bound in sorted(bounds_in_contracts() - {*told.values()})
    ]


# --- errors.md

FACTORIES = {kind.value for kind in ErrorKind}
INSIDE = {"answered_5xx", "condition_failed", "transaction_cancelled"}
"""Codes that are caught where they are raised."""


def codes(node: ast.expr, module: str) -> list[str]:
    """The codes that an expression gives. One that is passed on from elsewhere gives none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.BoolOp):
        return [code for value in node.values for code in codes(value, module)]
    if isinstance(node, ast.Name) and module != "souk_chassis.errors":
        return [str(getattr(importlib.import_module(module), node.id))]
    return []


@cache
def errors_in_code() -> dict[str, set[str]]:
    """The kinds of each code: `edge 404` for those without a kind, nothing where the kind is computed."""
    found: dict[str, set[str]] = {}
    for module, body in modules().items():
        for call in (node for node in ast.walk(body) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func).rpartition(".")[2]
            kinds: set[str] = set()
            if name in FACTORIES and call.args:
                code, kinds = call.args[0], {name}
            elif name in {"ErrorType", "SoukError", "EdgeError"} and len(call.args) > 1:
                kind, code = call.args[:2]
                if name == "EdgeError":
                    kinds = {f"edge {ast.unparse(kind)}"}
                elif (
                    isinstance(kind, ast.Attribute)
                    and isinstance(kind.value, ast.Name)
                    and kind.value.id == "ErrorKind"
                ):
                    kinds = {ErrorKind[kind.attr].value}
            elif name == "__init__" and len(call.args) > 1 and ast.unparse(call.args[0]).startswith("ErrorKind."):
                code, kinds = call.args[1], {ErrorKind[ast.unparse(call.args[0]).partition(".")[2]].value}
            else:
                continue
            for each in set(codes(code, module)) - INSIDE:
                found.setdefault(each, set()).update(kinds)
    return found


def status_of(kind: str) -> str:
    return kind.removeprefix("edge ") if kind.startswith("edge") else str(KIND_RULES[ErrorKind(kind)].http_status)


def error_faults(text: str) -> list[str]:
    told: dict[str, set[str]] = {}
    faults = []
    for code, kind, status, _ in rows(text, "code", "kind", "status", "when"):
        kinds = words(kind) or [f"edge {status}"]
        told[words(code)[0]] = set(kinds)
        if status != ", ".join(map(status_of, kinds)):
            faults.append(f"{code}: the status of {kind} is not {status}")
    faults += differing("the code", errors_in_code(), told)
    for code, kinds_in_code in errors_in_code().items():
        if kinds_in_code and kinds_in_code - told.get(code, kinds_in_code):
            faults.append(f"{code} is {kinds_in_code}")
    shown = {(words(kind)[0], status) for kind, status, *_ in rows(text, "kind", "status", "means")}
    return faults + differing("the kind", {(k.value, str(r.http_status)) for k, r in KIND_RULES.items()}, shown)


# --- configuration.md


@cache
def variables_in_code() -> dict[str, str | None]:
    """Every variable that is read, with its default where a struct gives one."""
    found: dict[str, str | None] = {}
    for module, body in modules().items():
        for node in ast.walk(body):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"SOUK_[A-Z_]*[A-Z]", node.value):
                    found.setdefault(node.value, None)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "read_config":
                prefix = next((ast.literal_eval(w.value) for w in node.keywords if w.arg == "prefix"), "SOUK_")
                for field in msgspec.structs.fields(
                    getattr(importlib.import_module(module), ast.unparse(node.args[0]))
                ):
                    default = field.default if isinstance(field.default, str) and field.default else None
                    found[f"{prefix}{field.name.upper()}"] = default
    return found


def configuration_faults(text: str) -> list[str]:
    told = {words(name)[0]: default for name, default, _ in rows(text, "variable", "default", "what")}
    faults = differing("the variable", variables_in_code(), told)
    for name, default in variables_in_code().items():
        if default is not None and words(told.get(name, "")) != [default]:
            faults.append(f"the default of {name} is {default}")
    return faults


# --- events.md


def event_faults(text: str) -> list[str]:
    services = manifests().values()
    code = set()
    for service in services:
        for event in service.publishes:
            heard = [other.name for other in services if event in other.consumes]
            fields = [
                f"`{field.encode_name}{'?' if type(None) in get_args(field.type) else ''}`"
                for field in msgspec.structs.fields(event)
            ]
            row = (
                f"`{event.__name__}`",
                f"`{event.type_name()}`",
                service.name,
                tuple(sorted(heard)),
                ", ".join(fields),
            )
            code.add(row)
    told = set()
    for name, kind, publisher, hearers, fields_told in rows(text, "event", "type", "published by"):
        heard_by = () if hearers == "nobody" else tuple(sorted(hearers.split(", ")))
        told.add((name, kind, publisher, heard_by, fields_told))
    return differing("the event", code, told)


# --- which-event-to-hear.md


def need_faults(text: str) -> list[str]:
    published = {event.__name__ for service in manifests().values() for event in service.publishes}
    return differing(
        "the event", published, [name for _, hear, _ in rows(text, "you want to", "hear") for name in words(hear)]
    )


# --- command.md


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield f"{path} {name}", child
            yield from commands(child, f"{path} {name}")


def options_of(command: click.Command) -> dict[str, object]:
    """The long options of a command, with the defaults that its help shows."""
    options = [each for each in command.params if isinstance(each, click.Option)]
    return {each.opts[0]: each.default if each.show_default else None for each in options}


def command_faults(text: str) -> list[str]:
    known = dict(commands(souk, "souk"))
    told = {words(name)[0]: words(options) for name, options, *_ in rows(text, "command", "options")}
    faults = differing("the command", known, told)
    for name, command in known.items():
        faults += differing(f"the option of {name}", options_of(command), told.get(name, []))
    shown = {words(name)[0]: default.strip("`") for name, _, default in rows(text, "option", "value", "default")}
    # An option of several commands may have a default in one of them alone: that is the one to be told.
    pairs = [pair for command in known.values() for pair in options_of(command).items()]
    defaults = dict(sorted(pairs, key=lambda pair: pair[1] is not None))
    faults += differing("the option", defaults, shown)
    wrong = [name for name, default in defaults.items() if shown.get(name) != ("" if default is None else str(default))]
    return faults + [f"the default of {name} is {defaults[name]}" for name in wrong]


# --- all pages


def link_faults(path: Path, text: str) -> list[str]:
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    inside = [target for target in targets if target and not re.match(r"[a-z]+:", target)]
    return [f"{path.name} leads to {target}" for target in inside if not (path.parent / target).exists()]


PAGES: dict[str, Callable[[str], list[str]]] = {
    "limits.md": limit_faults,
    "errors.md": error_faults,
    "configuration.md": configuration_faults,
    "events.md": event_faults,
    "which-event-to-hear.md": need_faults,
    "command.md": command_faults,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str) -> None:
    assert PAGES[name](page(name)) == []


@pytest.mark.parametrize(
    ("name", "told", "planted"),
    [
        ("limits.md", "| 1,048,576 | `souk_chassis.http.binding", "| 1,000,000 | `souk_chassis.http.binding"),
        (
            "limits.md",
            "| 8 | `souk_notifications.transports.sending.LANES`",
            "| 8 | `souk_orders.backlog.LOOK_EVERY_S`",
        ),
        ("limits.md", "| 75 | `souk_chassis.hosts.http_server", "| 76 | `souk_chassis.hosts.http_server"),
        ("limits.md", "| 254 | `souk_chassis.text.Email:max_length`", "| 1 | `souk_chassis.manifest.Consumer.loops`"),
        ("errors.md", "| `too_late` | `conflict` | 409 |", "| `too_early` | `conflict` | 409 |"),
        ("errors.md", "| `too_late` | `conflict` | 409 |", "| `too_late` | `invalid` | 422 |"),
        ("errors.md", "| `too_late` | `conflict` | 409 |", "| `too_late` | `conflict` | 410 |"),
        ("errors.md", "| `no_such_route` | edge | 404 |", "| `no_such_route` | edge | 410 |"),
        ("errors.md", "| `invalid` | 422 |", "| `invalid` | 400 |"),
        ("configuration.md", "| `SOUK_WEB_DIR` |", "| `SOUK_PAGES` |"),
        ("configuration.md", "| `GBP` |", "| `EUR` |"),
        ("events.md", "`customerId?`", "`customerId`"),
        ("events.md", "| orders | products, payments |", "| orders | products |"),
        ("which-event-to-hear.md", "`OrderShipped`, `OrderDelivered`", "`OrderShipped`"),
        ("which-event-to-hear.md", "| `RefundOwed` |", "| `RefundDue` |"),
        ("command.md", "`--admin`, `--user`", "`--admin`"),
        ("command.md", "| `souk down` |", "| `souk halt` |"),
        ("command.md", "| 8080 |", "| 80 |"),
    ],
)
def test_a_planted_fault_is_caught(name: str, told: str, planted: str) -> None:
    text = page(name)
    assert told in text, "the planted fault needs another place"
    assert PAGES[name](text.replace(told, planted, 1))


def test_links_lead_somewhere() -> None:
    pages = sorted(DOCS.rglob("*.md"))
    assert [fault for path in pages for fault in link_faults(path, path.read_text("utf-8"))] == []
    assert link_faults(DOCS / "README.md", "[away](reference/nothing.md)") == [
        "README.md leads to reference/nothing.md"
    ]
