"""Settings of a shop beside another application that can't be: one sentence, exit 2, and nothing was started."""

from pathlib import Path

import pytest

from tests.topology.running import data_dir, processes_of, souk


@pytest.mark.parametrize(
    ("environment", "options", "said"),
    [
        ({"SOUK_LEGACY_URL": "legacy:8000"}, (), "SOUK_LEGACY_URL: it is no address such as http://"),
        ({"SOUK_LEGACY_URL": "http://user:secret@legacy"}, (), "SOUK_LEGACY_URL: it is no address such as http://"),
        ({"SOUK_TAKEN_OVER": "/orders"}, (), "SOUK_TAKEN_OVER is set, and neither"),
        (
            {"SOUK_LEGACY_URL": "http://a", "SOUK_TAKEN_OVER": "/carts"},
            (),
            "SOUK_TAKEN_OVER: Souk has nothing at /carts",
        ),
        ({"SOUK_APPS": "/reports=reports"}, (), "SOUK_APPS: 'reports' is not of the form module:attribute"),
        ({"SOUK_LEGACY_URL": "http://a"}, ("--topology", "aws-local"), "the emulated shop knows no other application"),
    ],
)
def test_a_setting_that_can_not_be_is_named(
    tmp_path: Path, environment: dict[str, str], options: tuple[str, ...], said: str
) -> None:
    ended = souk("up", "--port", "0", *options, at=tmp_path, environment=environment)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert said in ended.err
    assert "secret" not in ended.err
    assert not any(tmp_path.iterdir())
    assert not processes_of(tmp_path)


@pytest.mark.parametrize("topology", ["process", "processes"])
def test_an_application_that_can_not_be_imported_is_named(topology: str) -> None:
    environment = {"SOUK_APPS": "/reports=no_such_module:app"}
    with data_dir() as folder:
        ended = souk("up", "--port", "0", "--topology", topology, at=folder, environment=environment)
    assert ended.status == 2, ended.err
    assert "no_such_module:app: it can't be imported" in ended.err.splitlines()[-1]
