"""`souk up`, `souk down`, `souk status`: the shop as processes on this machine."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import psutil
from souk_chassis.observability.logs import Log

from souk_topologies import one_process, processes
from souk_topologies.cli.asking import OPERATOR_ADMIN, make_token
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError, data_dir_option
from souk_topologies.client import ShopAwayError, ShopClient, ShopError
from souk_topologies.places import AlreadyRunningError, DataDir, ShopState
from souk_topologies.runner import run
from souk_topologies.sample import load_catalogue
from souk_topologies.server import ShopServer
from souk_topologies.settings import DEFAULT_PORT, Settings, Topology

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
EXIT_TIMEOUT_S = 3.0


@click.command()
@click.option("--topology", type=click.Choice([t.value for t in Topology]), default="process", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0 for any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--empty", is_flag=True, help="Start without the sample catalogue.")
@click.option("--detach", is_flag=True, help="Return when the shop takes orders, and leave it running.")
@data_dir_option
def up(topology: str, port: int, host: str, empty: bool, detach: bool, data_dir: Path) -> None:
    """Run the shop. Its data is kept in the data directory."""
    settings = Settings(data_dir.absolute(), Topology(topology), host, port, sample=not empty)
    data = DataDir(settings.data_dir)
    if detach:
        _detach(settings, data)
        return
    try:
        with data.lock():
            run(_up(settings, data), "shop")
    except AlreadyRunningError as error:
        raise UsedWronglyError(str(error)) from None
    except (ShopError, ShopAwayError) as error:
        raise FoundWrongError(f"the sample catalogue could not be loaded: {error}") from None


async def _up(settings: Settings, data: DataDir) -> None:
    log = Log("shop")
    began = time.monotonic()
    server = ShopServer(settings, log)
    urls = await server.start()
    keeper = asyncio.create_task(server.keep(), name="postgres-keeper")
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serve = one_process.serve if settings.topology is Topology.PROCESS else processes.serve
    shop = asyncio.create_task(serve(settings, urls, ready))
    try:
        waited: set[asyncio.Future[Any]] = {shop, ready}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            if settings.sample and settings.database_url is None:
                await load_catalogue(ready.result(), make_token(data.path, OPERATOR_ADMIN), data.path)
            data.write_state(ShopState(ready.result(), os.getpid(), settings.topology.value))
            _greet(ready.result(), settings, time.monotonic() - began)
        await shop
    finally:
        data.remove_state()
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await server.stop()


def _greet(url: str, settings: Settings, took_s: float) -> None:
    where = "" if str(settings.data_dir) == str(Path.cwd() / ".souk") else f" --data-dir {settings.data_dir}"
    click.echo(
        f"\n  Souk is open after {took_s:.1f} s\n\n"
        f"    shop      {url}\n    mailbox   {url}/mailbox\n    API       {url}/docs\n"
        f"    admin     souk token --admin{where}\n\n  Stop with Ctrl-C. The data stays in {settings.data_dir}\n",
        err=True,
    )


def _detach(settings: Settings, data: DataDir) -> None:
    if data.is_locked():
        raise UsedWronglyError(f"a shop runs on {settings.data_dir} already: stop it with souk down")
    data.create()
    command = [sys.executable, "-m", "souk_topologies", "up", "--topology", settings.topology.value]
    command += [] if settings.sample else ["--empty"]
    command += ["--host", settings.host, "--port", str(settings.port), "--data-dir", str(settings.data_dir)]
    data.remove_state()
    with data.log.open("ab") as log:
        start = log.tell()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program
    deadline = time.monotonic() + START_TIMEOUT_S
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
    raise FoundWrongError(f"the shop did not start within {START_TIMEOUT_S:.0f} s (see {data.log})")


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
    while not _has_ended(state.pid) and time.monotonic() < deadline:  # it holds nothing any more, and is about to go
        time.sleep(0.01)


def _has_ended(pid: int) -> bool:
    """Also where its parent has not asked yet how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@click.command()
@data_dir_option
def status(data_dir: Path) -> None:
    """Say whether the shop runs, and whether all of it is ready."""
    asyncio.run(_status(DataDir(data_dir.absolute())))


async def _status(data: DataDir) -> None:
    state = data.read_state()
    if state is None:
        raise FoundWrongError(f"no shop runs on {data.path}")
    async with ShopClient(state.url, None) as client:
        try:
            readiness = await client.readiness()
        except ShopAwayError as error:
            raise FoundWrongError(str(error)) from None
    click.echo(f"{state.url}  {state.topology}  pid {state.pid}  {readiness.status}")
    for name, why in readiness.missing.items():
        click.echo(f"  {name}: {why}")
    if readiness.missing:
        raise FoundWrongError("the shop is not ready")
