"""The emulator of AWS (ministack): one process on the loopback interface, with all that it starts."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from souk_chassis.hosts.listening import free_port
from souk_topologies.aws_local.tools import find_emulator

REGION = "eu-west-1"
START_S = 60.0
"""How long the emulator may take until it answers, in seconds."""
STOP_S = 10.0
"""How long it may take to end, in seconds, before it is killed."""


class EmulatorError(RuntimeError):
    """The emulator did not start."""


@contextmanager
def emulator(folder: Path, **settings: str) -> Iterator[str]:
    """The address of a new emulator. Its log stays in `folder`; what else it writes goes with it. Raises EmulatorError,
    ConfigError."""
    command = find_emulator()
    work = folder / "emulator"
    shutil.rmtree(work, ignore_errors=True)  # what one that was killed has left
    work.mkdir()
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "TMPDIR": str(work),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # what functions are told to call: a name would have to be looked up
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(port),
        **settings,
    }
    with (folder / "emulator.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - the command that was found
            [command], cwd=work, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _await_answer(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(server)
        shutil.rmtree(work, ignore_errors=True)


def _await_answer(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise EmulatorError("the emulator did not start: see emulator.log")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End it with the functions that it runs: they are of its process group."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
