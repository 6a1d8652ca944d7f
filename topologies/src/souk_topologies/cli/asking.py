"""`souk status`, `souk queues`: small questions to a running shop."""

import asyncio
from pathlib import Path

import click

from souk_chassis.queues import Queues, Redriven
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError, data_dir_option, shop_url, url_option
from souk_topologies.cli.tokens import admin_token
from souk_topologies.client import ShopAwayError, ShopClient, ShopError
from souk_topologies.places import DataDir
from souk_topologies.shop import SERVICES


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


@click.group(invoke_without_command=True)
@url_option
@data_dir_option
@click.pass_context
def queues(context: click.Context, url: str | None, data_dir: Path) -> None:
    """Show outboxes, queues and dead letters."""
    if context.invoked_subcommand is None:
        asyncio.run(_show_queues(shop_url(data_dir, url), admin_token(data_dir, url)))


@queues.command()
@click.argument("name")
@url_option
@data_dir_option
@click.pass_context
def redrive(context: click.Context, name: str, url: str | None, data_dir: Path) -> None:
    """Try the dead letters of queue NAME again."""
    service = name.partition("-")[0]
    if service not in SERVICES:
        raise UsedWronglyError(f"there is no queue {name}")
    given = context.get_parameter_source("data_dir")
    outer = context.parent.params if context.parent else {}
    if given is click.core.ParameterSource.DEFAULT:
        data_dir = outer.get("data_dir", data_dir)
    url = url or outer.get("url")
    asyncio.run(_redrive(shop_url(data_dir, url), admin_token(data_dir, url), service, name))


async def _show_queues(url: str, token: str) -> None:
    async with ShopClient(url, token, tries=3) as client:
        for service in SERVICES:
            try:
                found = await client.call("GET", f"/queues/{service}", Queues)
            except (ShopError, ShopAwayError) as error:
                raise FoundWrongError(str(error)) from None
            click.echo(f"{service}: {found.outbox} in the outbox")
            for queue in found.queues:
                click.echo(f"  {queue.name}: {queue.waiting} waiting, oldest {queue.oldest_s:.1f} s, {queue.dead} dead")
            for letter in found.dead_letters:
                click.echo(f"    {letter.queue} {letter.type} of {letter.subject}: {letter.reason}")


async def _redrive(url: str, token: str, service: str, name: str) -> None:
    async with ShopClient(url, token, tries=3) as client:
        try:
            done = await client.call("POST", f"/queues/{service}/{name}/redrive", Redriven)
        except (ShopError, ShopAwayError) as error:
            raise FoundWrongError(str(error)) from None
    click.echo(f"{done.redriven} events go through {done.queue} again")
