"""An existing app as a container of its own."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.hosts.application import build_application
from souk_chassis.testing.asgi import ask


async def test_it_answers_beside_health_and_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORNER_DB", str(tmp_path / "corner.db"))
    async with AsyncExitStack() as stack:
        app = await build_application({"SOUK_APP": "trials.monolith.app:app"}, stack, {})
        assert (await ask(app, "GET", "/health")).json == {"status": "ok"}
        assert (await ask(app, "GET", "/ready")).status == 200
        assert b"<h1>" in (await ask(app, "GET", "/")).body


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "SOUK_APP is not set"),
        ({"SOUK_APP": "shop"}, "^SOUK_APP: 'shop' is not of the form module:attribute"),
        ({"SOUK_APP": "no_such:app"}, "^no_such:app: it can't be imported"),
    ],
)
async def test_a_setting_that_can_not_be_is_named(environment: dict[str, str], said: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=said):
            await build_application(environment, stack, {})
