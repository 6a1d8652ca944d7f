"""The container's process: its exit status and its one sentence, and how it waits for a database and gives up."""

import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from souk_chassis.config import ConfigError, read_config
from souk_chassis.hosts.health import is_healthy
from souk_chassis.hosts.server import PortConfig
from souk_chassis.storage.opening import DatabaseAwayError, await_database
from souk_chassis.testing.logs import RecordedLines

RUN = [sys.executable, "-I", "-m", "souk_chassis.hosts.server"]
AWAY = "postgresql://a:secret@127.0.0.1:1/b"


@pytest.mark.parametrize(
    ("told", "status", "why"),
    [
        ({}, 2, "SOUK_BOOTSTRAP is not set"),
        ({"SOUK_PART": "moon"}, 2, "SOUK_PART: "),
        ({"SOUK_PART": "provision"}, 2, "SOUK_ADMIN_URL is not set"),
        ({"SOUK_PART": "provision", "SOUK_ADMIN_URL": AWAY}, 2, "SOUK_PASSWORDS is not set"),
        ({"SOUK_PART": "provision", "SOUK_ADMIN_URL": AWAY, "SOUK_PASSWORDS": "a"}, 2, "SOUK_PASSWORDS: "),
        (
            {"SOUK_PART": "provision", "SOUK_ADMIN_URL": AWAY, "SOUK_PASSWORDS": '{"postgres": "a"}'},
            2,
            "SOUK_PASSWORDS: 'postgres' is no role of a service",
        ),
        (
            {"SOUK_PART": "provision", "SOUK_ADMIN_URL": "postgresql://a:secret/b@h/c", "SOUK_PASSWORDS": "{}"},
            2,
            "SOUK_ADMIN_URL is no URL of a database",
        ),
        (
            {"SOUK_PART": "provision", "SOUK_ADMIN_URL": AWAY, "SOUK_PASSWORDS": '{"souk_orders": "a"}'},
            1,
            "the PostgreSQL server of SOUK_ADMIN_URL refuses the connection",
        ),
    ],
)
def test_what_ends_it_is_said_in_one_sentence(told: Mapping[str, str], status: int, why: str) -> None:
    done = subprocess.run(RUN, env=dict(told), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "secret" not in done.stderr


def test_a_signal_ends_what_does_not_serve() -> None:
    """As the first process of a container, which the kernel does not end by itself."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://a:b@127.0.0.1:{silent.getsockname()[1]}/c"
        told = {"SOUK_PART": "provision", "SOUK_ADMIN_URL": url, "SOUK_PASSWORDS": '{"souk_orders": "a"}'}
        with subprocess.Popen(RUN, env=told) as running:
            asked, _ = silent.accept()
            running.terminate()
            try:
                assert running.wait(20) == 128 + signal.SIGTERM
            finally:
                asked.close()
                running.kill()


def test_the_port() -> None:
    assert read_config(PortConfig, {}, prefix="").port == 8080
    assert read_config(PortConfig, {"PORT": "80"}, prefix="").port == 80
    for wrong in ("-1", "65536", "http"):
        with pytest.raises(ConfigError, match=r"^PORT: "):
            read_config(PortConfig, {"PORT": wrong}, prefix="")


async def test_a_database_that_is_there(new_database: Callable[[], Awaitable[str]]) -> None:
    await await_database(await new_database(), RecordedLines().log(), 0.0)


async def test_a_database_that_does_not_come() -> None:
    with pytest.raises(DatabaseAwayError, match="can't be reached") as error:
        await await_database(AWAY, RecordedLines().log(), 0.0)
    assert "secret" not in str(error.value)


async def test_an_option_that_can_not_be() -> None:
    with pytest.raises(ConfigError, match=r"DATABASE_URL: .*sslmode") as error:
        await await_database(f"{AWAY}?sslmode=bogus", RecordedLines().log(), 0.0)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_health(status: int, healthy: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.handle_request)
    thread.start()
    assert is_healthy(server.server_port) is healthy
    thread.join()
    server.server_close()


def test_nobody_is_not_healthy() -> None:
    assert not is_healthy(1)
