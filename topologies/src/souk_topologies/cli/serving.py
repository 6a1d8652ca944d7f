"""The shop in the foreground: PostgreSQL, the topology, the sample catalogue, and the greeting."""

import asyncio
import os
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from souk_chassis.config import ConfigError
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.listening import ListenError
from souk_chassis.runtimes.process import run
from souk_chassis.storage.migrations import MigrationChangedError
from souk_topologies import one_process, processes
from souk_topologies.aws_local.emulator import EmulatorError
from souk_topologies.aws_local.terraform import TerraformError
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError
from souk_topologies.cli.tokens import OPERATOR_ADMIN, make_token
from souk_topologies.client import ShopAwayError, ShopError
from souk_topologies.packages import PackageError
from souk_topologies.places import AlreadyRunningError, DataDir, ShopState
from souk_topologies.postgres import EmbeddedPostgresError, ProvisionError
from souk_topologies.sample import load_catalogue
from souk_topologies.server import ShopServer
from souk_topologies.settings import Settings, Topology

_USED_WRONGLY = (
    AlreadyRunningError,
    ConfigError,
    EmbeddedPostgresError,
    ListenError,
    MigrationChangedError,
    ProvisionError,
)
"""What the caller can mend: each says in one line what is wrong."""


def serve(settings: Settings, data: DataDir) -> None:
    """Run the shop in this process until SIGINT or SIGTERM. Raises FoundWrongError or UsedWronglyError."""
    try:
        with data.lock():
            run(_up(settings, data), "shop")
    except _USED_WRONGLY as error:
        raise UsedWronglyError(str(error)) from None
    except (EmulatorError, PackageError, TerraformError) as error:
        raise FoundWrongError(str(error)) from None
    except (ShopError, ShopAwayError) as error:
        raise FoundWrongError(f"the sample catalogue could not be loaded: {error}") from None


async def _up(settings: Settings, data: DataDir) -> None:
    began = time.monotonic()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        shop = asyncio.create_task(await _topology(settings, ready, stack))
        stack.callback(data.remove_state)
        waited: set[asyncio.Future[Any]] = {shop, ready}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            if settings.has_sample:
                await load_catalogue(ready.result(), make_token(data.path, OPERATOR_ADMIN), data.path)
            data.write_state(ShopState(ready.result(), os.getpid(), settings.topology.value))
            _greet(ready.result(), settings, time.monotonic() - began)
        await shop


async def _topology(
    settings: Settings, ready: "asyncio.Future[str]", stack: AsyncExitStack
) -> Coroutine[Any, Any, None]:
    """What runs the shop, with the PostgreSQL that it needs running until the stack ends."""
    if settings.topology is Topology.AWS_LOCAL:
        from souk_topologies.aws_local import shop as aws_local

        return aws_local.serve(settings, ready, lambda step: click.echo(f"souk: {step}", err=True))
    server = ShopServer(settings, Log("shop"))
    urls = await server.start()
    stack.push_async_callback(server.stop)
    keeper = asyncio.create_task(server.keep(), name="postgres-keeper")
    stack.push_async_callback(_end, keeper)
    return (processes.serve if settings.is_kept else one_process.serve)(settings, urls, ready)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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
