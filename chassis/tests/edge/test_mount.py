"""An existing app as a part of the shop: unchanged, started and ended, with its failures told in the shop's form."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from souk_chassis.config import ConfigError
from souk_chassis.edge.mount import MAX_HELD, Mounted, open_app
from souk_chassis.edge.upload import MAX_PASSED_BODY
from souk_chassis.testing.asgi import ask
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines


async def hello(request: Request) -> Response:
    return JSONResponse({"state": request.state.greeting, "traceparent": request.headers["traceparent"]})


async def fail(_: Request) -> Response:
    raise ZeroDivisionError("secret")


async def own(_: Request) -> Response:
    return PlainTextResponse("x" * (MAX_HELD + 1), 500)


async def size(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def happened() -> list[str]:
    return []


@pytest.fixture
async def mounted(happened: list[str], lines: RecordedLines, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Mounted]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, str]]:
        happened.append("started")
        yield {"greeting": "hello"}
        happened.append("ended")

    module = ModuleType("an_existing_app")
    routes = [Route("/hello", hello), Route("/fail", fail), Route("/own", own), Route("/size", size, methods=["POST"])]
    module.app = Starlette(routes=routes, lifespan=lifespan)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_existing_app", module)
    async with AsyncExitStack() as stack:
        yield await open_app("an_existing_app:app", lines.log("reports"), stack)
    assert happened == ["started", "ended"]


async def test_it_answers_with_its_state_and_in_the_callers_trace(mounted: Mounted) -> None:
    answer = await ask(mounted, "GET", "/hello", headers={"traceparent": TRACEPARENT})
    assert (answer.status, answer.json["state"]) == (200, "hello")
    assert answer.json["traceparent"][3:35] == TRACEPARENT[3:35]


async def test_what_it_does_not_foresee_is_a_problem_and_logged(mounted: Mounted, lines: RecordedLines) -> None:
    answer = await ask(mounted, "GET", "/fail", headers={"traceparent": TRACEPARENT})
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json["code"], answer.json["traceId"]) == ("internal", TRACEPARENT[3:35])
    assert "secret" not in answer.body.decode()
    [line] = lines.lines
    assert (line["service"], line["path"]) == ("reports", "/fail")
    assert "ZeroDivisionError" in line["error"]


async def test_its_own_answers_are_its_own(mounted: Mounted) -> None:
    assert (await ask(mounted, "GET", "/own")).body == b"x" * (MAX_HELD + 1)
    assert (await ask(mounted, "GET", "/nothing")).headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_body_has_a_limit(mounted: Mounted) -> None:
    assert (await ask(mounted, "POST", "/size", chunks=[b"x" * MAX_PASSED_BODY])).body == b"%d" % MAX_PASSED_BODY
    answer = await ask(mounted, "POST", "/size", chunks=[b"x" * MAX_PASSED_BODY, b"x"], length=False)
    assert (answer.status, answer.json["code"]) == (413, "too_large")


async def test_an_app_without_a_lifespan_is_taken_as_it_is(lines: RecordedLines, monkeypatch: Any) -> None:
    async def app(scope: Any, _: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    module = ModuleType("a_bare_app")
    module.web = type("Web", (), {"app": staticmethod(app)})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_bare_app", module)
    async with AsyncExitStack() as stack:
        assert (await ask(await open_app("a_bare_app:web.app", lines.log(), stack), "GET", "/")).status == 204


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:app", "can't be imported: No module"),
        ("an_app_without_its_setting:app", "can't be imported: KeyError: 'REPORTS_URL'"),
        ("an_app_that_gives_up:app", "can't be imported: SystemExit: no database"),
        ("json:no_such", "no attribute"),
        ("json:__name__", "is no ASGI app"),
    ],
)
async def test_what_can_not_be_mounted_is_named(
    target: str, said: str, lines: RecordedLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "an_app_without_its_setting.py").write_text("import os\nos.environ['REPORTS_URL']\n")
    (tmp_path / "an_app_that_gives_up.py").write_text("raise SystemExit('no database')\n")
    monkeypatch.syspath_prepend(tmp_path)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=f"^{target}.*{said}"):
            await open_app(target, lines.log(), stack)


async def test_an_app_that_does_not_start_is_named(lines: RecordedLines, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    module = ModuleType("an_app_that_fails")
    module.app = Starlette(lifespan=lifespan)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_app_that_fails", module)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=r"^an_app_that_fails:app: its startup failed"):
            await open_app("an_app_that_fails:app", lines.log(), stack)
