"""The shop in the foreground: PostgreSQL, the topology, the sample catalogue, and the greeting."""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import click

from souk_chassis.config import ConfigError
from souk_chassis.hosts.listening import ListenError
from souk_chassis.hosts.process import Stopping, run
from souk_chassis.hosts.readiness import OPENING
from souk_chassis.observability.logs import Log
from souk_chassis.storage.migrations import MigrationChangedError
from souk_topologies import one_process, processes
from souk_topologies.at_once import ended
from souk_topologies.aws_local.emulator import EmulatorError
from souk_topologies.aws_local.terraform import TerraformError
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError
from souk_topologies.cli.tokens import OPERATOR_ADMIN, make_token
from souk_topologies.client import ShopAwayError, ShopClient, ShopError
from souk_topologies.packages import PackageError
from souk_topologies.places import AlreadyRunningError, DataDir, ShopState
from souk_topologies.postgres import EmbeddedPostgresError, ProvisionError
from souk_topologies.sample import load_catalogue
from souk_topologies.server import ShopServer
from souk_topologies.settings import Settings, Topology
from souk_topologies.shop import SHOP

_USED_WRONGLY = (
    AlreadyRunningError,
    ConfigError,
    EmbeddedPostgresError,
    ListenError,
    MigrationChangedError,
    ProvisionError,
)
"""What the caller can mend: each says in one line what is wrong."""
LOOK_EVERY_S = 0.05
"""How often a shop that starts is asked whether it is ready."""


def serve(settings: Settings, data: DataDir) -> None:
    """Run the shop in this process until SIGINT or SIGTERM. Raises FoundWrongError or UsedWronglyError."""
    try:
        with data.lock():
            run(partial(_up, settings, data), SHOP)
    except _USED_WRONGLY as error:
        raise UsedWronglyError(str(error)) from None
    except (EmulatorError, PackageError, TerraformError) as error:
        raise FoundWrongError(str(error)) from None
    except (ShopError, ShopAwayError) as error:
        raise FoundWrongError(f"the sample catalogue could not be loaded: {error}") from None


async def _up(settings: Settings, data: DataDir, stopping: Stopping) -> None:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        data.remove_state()  # a shop that was killed has left it: it would make this one ready too early
        stack.callback(data.remove_state)
        url = await _open(settings, stack, stopping)
        if settings.has_sample:
            await load_catalogue(url, make_token(data.path, OPERATOR_ADMIN), data.path)
        data.write_state(ShopState(url, os.getpid(), settings.topology.value))
        _greet(url, settings, time.monotonic() - began)
        await stopping.wait()


async def _open(settings: Settings, stack: AsyncExitStack, stopping: Stopping) -> str:
    """The shop's address, once it lacks nothing but what `souk up` does last; all of it ends with the stack."""
    if settings.topology is Topology.AWS_LOCAL:
        from souk_topologies.aws_local.shop import open_emulated

        return await open_emulated(settings, stack, lambda step: click.echo(f"souk: {step}", err=True))
    server = ShopServer(settings, Log(SHOP))
    stack.push_async_callback(server.stop)  # before its start, which may be stopped
    databases = await server.start()
    keeper = asyncio.create_task(server.keep(), name="postgres-keeper")
    stack.push_async_callback(ended, keeper)
    if settings.is_kept:
        url = await processes.open_processes(settings, databases, stack, stopping.watch)
    else:
        url = await one_process.open_shop(settings, databases, stack)
    async with ShopClient(url, None) as client:
        while not await _is_open(client):  # noqa: ASYNC110 - what is awaited is another process
            await asyncio.sleep(LOOK_EVERY_S)
    return url


async def _is_open(client: ShopClient) -> bool:
    try:
        return (await client.readiness()).missing.keys() <= {OPENING}
    except ShopAwayError:
        return False  # it is still starting; a process that can't start says why in the log


def _greet(url: str, settings: Settings, took_s: float) -> None:
    where = "" if str(settings.data_dir) == str(Path.cwd() / ".souk") else f" --data-dir {settings.data_dir}"
    emulated = settings.topology is Topology.AWS_LOCAL
    kept = "The data goes with the emulator." if emulated else f"The data stays in {settings.data_dir}"
    click.echo(
        f"\n  Souk is open after {took_s:.1f} s\n\n"
        f"    shop      {url}\n    mailbox   {url}/mailbox\n    API       {url}/docs\n"
        f"    admin     souk token --admin{where}\n\n  Stop with Ctrl-C. {kept}\n",
        err=True,
    )
