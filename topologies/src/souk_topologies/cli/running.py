"""`souk up`, `souk down`: the shop as processes on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from souk_chassis.config import ConfigError
from souk_chassis.hosts.switches import read_switches
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError, data_dir_option, process_counts
from souk_topologies.places import DataDir, has_ended
from souk_topologies.settings import DEFAULT_PORT, Settings, Topology, read_counts
from souk_topologies.shop import GATEWAY, SERVICES, SHOP, manifests

START_TIMEOUT_S = 60.0
EMULATED_START_TIMEOUT_S = 660.0
"""How long a shop may take to start, in seconds. Terraform waits a minute for the emulator's queues alone."""
STOP_TIMEOUT_S = 30.0
EXIT_TIMEOUT_S = 3.0


@click.command()
@click.option("--topology", type=click.Choice([t.value for t in Topology]), default="process", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 for any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--empty", is_flag=True, help="Start without the sample catalogue.")
@click.option("--detach", is_flag=True, help="Return when the shop takes orders, and leave it running.")
@process_counts("--replicas", "SOUK_REPLICAS", help="Processes that serve, such as shop=2, or orders=2,gateway=2.")
@process_counts("--workers", "SOUK_WORKERS", help="Processes that only work on queues, such as shop=1, or orders=1.")
@data_dir_option
def up(
    topology: str,
    port: int,
    host: str,
    empty: bool,
    detach: bool,
    replicas: Sequence[str],
    workers: Sequence[str],
    data_dir: Path,
) -> None:
    """Run the shop. Its data is kept in the data directory."""
    settings = Settings(
        data_dir.absolute(),
        Topology(topology),
        host,
        port,
        not empty,
        _counts(replicas, "--replicas", (SHOP, *SERVICES, GATEWAY)),
        _counts(workers, "--workers", (SHOP, *SERVICES)),
    )
    _check(settings)
    data = DataDir(settings.data_dir)
    if detach:
        _detach(settings, data)
        return
    from souk_topologies.cli.serving import serve

    serve(settings, data)


def _counts(given: Sequence[str], option: str, names: Sequence[str]) -> dict[str, int]:
    try:
        return read_counts(given, names)
    except ConfigError as error:
        raise UsedWronglyError(f"{option}: {error}") from None


def _check(settings: Settings) -> None:
    """Raises UsedWronglyError for settings that are no shop."""
    from souk_topologies.api import api_document
    from souk_topologies.takeover import read_settled

    try:
        switches = read_switches(settings.environment)
        takeover = read_settled(settings.environment, api_document(list(manifests().values())))
    except ConfigError as error:
        raise UsedWronglyError(str(error)) from None
    if takeover.is_needed and settings.topology is Topology.AWS_LOCAL:
        raise UsedWronglyError(
            "the emulated shop knows no other application: SOUK_LEGACY_URL and SOUK_APPS are not for it"
        )
    strangers = {*settings.replicas, *settings.workers}.difference(settings.parts)
    if strangers and settings.topology is Topology.AWS_LOCAL:
        raise UsedWronglyError("functions have no processes to count: --replicas and --workers are not for aws-local")
    if strangers and settings.topology is Topology.PROCESS:
        raise UsedWronglyError(
            "several processes of a service need --topology processes; shop=N is for --topology process"
        )
    if strangers:
        raise UsedWronglyError("shop=N, whole shops side by side, needs --topology process")
    if not switches.serves:
        raise UsedWronglyError("SOUK_SERVE=off is for a process of one service: a shop gets such by --workers")


def _detach(settings: Settings, data: DataDir) -> None:
    if data.is_locked():
        raise UsedWronglyError(f"a shop runs on {settings.data_dir} already: stop it with souk down")
    data.create()
    command = [sys.executable, "-m", "souk_topologies", "up", "--topology", settings.topology.value]
    command += [] if settings.sample else ["--empty"]
    for option, counts in (("--replicas", settings.replicas), ("--workers", settings.workers)):
        for name, count in counts.items():
            command += [option, f"{name}={count}"]
    command += ["--host", settings.host, "--port", str(settings.port), "--data-dir", str(settings.data_dir)]
    data.remove_state()
    with data.log.open("ab") as log:
        start = log.tell()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program
    patience_s = EMULATED_START_TIMEOUT_S if settings.topology is Topology.AWS_LOCAL else START_TIMEOUT_S
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        state = data.read_state()
        if state is not None and state.pid == child.pid:
            click.echo(state.url)
            return
        if child.poll() is not None:
            tail = data.log.read_bytes()[start:].decode(errors="replace").strip().splitlines()
            said = tail[-1] if tail else "no word"
            if child.returncode == UsedWronglyError.exit_code:  # its last line is meant for whoever called
                raise UsedWronglyError(said.removeprefix("souk: "))
            raise FoundWrongError(f"the shop did not start: {said} (see {data.log})")
        time.sleep(0.05)
    child.terminate()
    raise FoundWrongError(f"the shop did not start within {patience_s:.0f} s (see {data.log})")


@click.command()
@data_dir_option
def down(data_dir: Path) -> None:
    """Stop the shop gracefully."""
    data = DataDir(data_dir.absolute())
    state = data.read_state()
    if state is None or not data.is_locked():
        raise UsedWronglyError(f"no shop runs on {data_dir}")
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while data.is_locked():
        if time.monotonic() > deadline:
            raise FoundWrongError(f"the shop (process {state.pid}) did not stop within {STOP_TIMEOUT_S:.0f} s")
        time.sleep(0.05)
    deadline = time.monotonic() + EXIT_TIMEOUT_S
    while not has_ended(state.pid) and time.monotonic() < deadline:  # it holds nothing any more, and is about to go
        time.sleep(0.01)
