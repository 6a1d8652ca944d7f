"""How many processes, and what each does: read from options and variables, and refused in one line."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.storage.provision import FURTHER_BUS_CONNECTIONS, SERVICE_CONNECTION_LIMIT
from souk_topologies.cli import running
from souk_topologies.cli.main import souk
from souk_topologies.cli.options import UsedWronglyError
from souk_topologies.postgres import Further
from souk_topologies.server import further_processes
from souk_topologies.settings import MAX_REPLICAS, Settings, Topology, read_counts
from souk_topologies.shop import SERVICES

NAMES = ("users", "orders", "gateway")


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ([], {}),
        ([""], {}),
        (["orders=2"], {"orders": 2}),
        (["orders=2", "gateway=1"], {"orders": 2, "gateway": 1}),
        (["orders=2,gateway=1"], {"orders": 2, "gateway": 1}),
        (["orders=2, gateway=1,", f"users={MAX_REPLICAS}"], {"orders": 2, "gateway": 1, "users": MAX_REPLICAS}),
    ],
)
def test_counts_that_are_read(given: list[str], counts: Mapping[str, int]) -> None:
    assert read_counts(given, NAMES) == counts


@pytest.mark.parametrize(
    "given",
    [
        ["orders"],
        ["orders="],
        ["=2"],
        ["orders=0"],
        ["orders=-1"],
        ["orders=1.5"],
        ["orders=\u00b2"],
        ["orders=\u0662"],
        [f"orders={MAX_REPLICAS + 1}"],
        ["orders=" + "9" * 5000],
        ["orders==2"],
        ["moon=2"],
        ["orders=2", "orders=2"],
        ["orders=2,orders=3"],
    ],
)
def test_counts_that_can_not_be(given: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        read_counts(given, NAMES)
    assert len(str(error.value).splitlines()) == 1


def test_processes_are_counted() -> None:
    settings = Settings(Path(), Topology.PROCESSES, replicas={"orders": 3}, workers={"orders": 2, "users": 1})
    assert [settings.process_count(name) for name in ("orders", "users", "payments")] == [5, 2, 1]
    assert further_processes(settings) == Further(5, dict.fromkeys(SERVICES, 0) | {"orders": 4, "users": 1})


@pytest.mark.parametrize(
    ("replicas", "workers", "further"), [({}, {}, 0), ({"shop": 1}, {}, 0), ({"shop": 3}, {}, 2), ({}, {"shop": 1}, 1)]
)
def test_whole_shops_are_counted(replicas: Mapping[str, int], workers: Mapping[str, int], further: int) -> None:
    settings = Settings(Path(), replicas=replicas, workers=workers)
    assert settings.process_count("shop") == 1 + further
    assert settings.is_kept == (further > 0)
    more = further_processes(settings)
    assert more == Further(further, dict.fromkeys(SERVICES, further))
    each = len(SERVICES) * SERVICE_CONNECTION_LIMIT + FURTHER_BUS_CONNECTIONS
    assert more.connections == further * each


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["--replicas", "orders=99"], {}, "--replicas"),
        (["--replicas", "moon=1"], {}, "--replicas"),
        (["--workers", "gateway=1"], {}, "--workers"),
        ([], {"SOUK_REPLICAS": "orders"}, "--replicas"),
        ([], {"SOUK_WORKERS": "orders=two"}, "--workers"),
        (["--topology", "process", "--replicas", "orders=2"], {}, "--topology processes"),
        (["--topology", "process"], {"SOUK_REPLICAS": "orders=2"}, "--topology processes"),
        (["--topology", "process", "--replicas", "shop=2,gateway=2"], {}, "--topology processes"),
        (["--topology", "process", "--workers", "users=1"], {}, "--topology processes"),
        (["--replicas", "shop=2"], {}, "--topology process$"),
        ([], {"SOUK_WORKERS": "shop=1"}, "--topology process$"),
        (["--topology", "process", "--replicas", f"shop={MAX_REPLICAS + 1}"], {}, "--replicas"),
        ([], {"SOUK_SERVE": "off"}, "SOUK_SERVE"),
        ([], {"SOUK_WORK": "maybe"}, "SOUK_WORK"),
    ],
)
def test_used_wrongly(
    options: list[str], environment: Mapping[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _environment(monkeypatch, environment)
    with pytest.raises(UsedWronglyError, match=said):
        _up(tmp_path, *options)
    assert not list(tmp_path.iterdir())


def test_options_go_before_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr(running, "_detach", lambda settings, _: seen.append(settings))
    _environment(monkeypatch, {"SOUK_REPLICAS": "orders=2,gateway=2", "SOUK_WORKERS": "orders=1 users=2"})
    _up(tmp_path, "--detach")
    _up(tmp_path, "--detach", "--replicas", "users=3", "--replicas", "orders=4")
    assert [(dict(each.replicas), dict(each.workers)) for each in seen] == [
        ({"orders": 2, "gateway": 2}, {"orders": 1, "users": 2}),
        ({"users": 3, "orders": 4}, {"orders": 1, "users": 2}),
    ]


def test_whole_shops_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr(running, "_detach", lambda settings, _: seen.append(settings))
    _environment(monkeypatch, {"SOUK_REPLICAS": "shop=2"})
    _up(tmp_path, "--detach", "--topology", "process")
    _up(tmp_path, "--detach", "--topology", "process", "--replicas", "shop=3", "--workers", "shop=1")
    assert [(dict(each.replicas), dict(each.workers)) for each in seen] == [
        ({"shop": 2}, {}),
        ({"shop": 3}, {"shop": 1}),
    ]


def _environment(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name in ("SOUK_REPLICAS", "SOUK_WORKERS", "SOUK_SERVE", "SOUK_WORK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def _up(data_dir: Path, *options: str) -> None:
    chosen = [] if "--topology" in options else ["--topology", "processes"]
    arguments = ["up", *chosen, *options, "--data-dir", str(data_dir)]
    souk(arguments, standalone_mode=False)
