"""`souk token`, `souk queues`, `souk render`: small questions."""

import asyncio
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import click
from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import load_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.ids import ID_PATTERN, uuid7
from souk_chassis.queues import Queues, Redriven

from souk_topologies.cli.options import FoundWrongError, UsedWronglyError, data_dir_option, shop_url, url_option
from souk_topologies.client import ShopAwayError, ShopClient, ShopError
from souk_topologies.gateway import api_document
from souk_topologies.places import DataDir
from souk_topologies.shop import OPERATOR, SERVICES, manifests

TOKEN_S = 12 * 3600
"""How long a token of `souk token` is good, in seconds."""


OPERATOR_ADMIN = Identity(Role.ADMIN, OPERATOR)
"""Whoever has the data directory runs the shop."""


def admin_token(data_dir: Path, url: str | None) -> str:
    """The token that a command works with: `SOUK_TOKEN` for a shop elsewhere, else one of its own."""
    given = os.environ.get("SOUK_TOKEN")
    if given:
        return given
    if url:
        raise UsedWronglyError("a shop elsewhere needs a token in SOUK_TOKEN")
    return make_token(data_dir, OPERATOR_ADMIN)


def make_token(data_dir: Path, identity: Identity) -> str:
    """Sign a token with the operator's key of this data directory."""
    path = DataDir(data_dir).keys / f"{OPERATOR}.pem"
    if not path.exists():
        raise UsedWronglyError(f"there is no shop in {data_dir}: start one with souk up")
    return sign_public(load_key(path), identity, issued_at=datetime.now(UTC), lifetime_s=TOKEN_S)


@click.command()
@click.option("--admin", is_flag=True, help="A token that may do everything.")
@click.option("--user", metavar="ID", help="A token of this customer.")
@data_dir_option
def token(admin: bool, user: str | None, data_dir: Path) -> None:
    """Print a token, alone."""
    if user is not None and not re.fullmatch(ID_PATTERN, user):
        raise UsedWronglyError("a user's id has 1 to 64 characters of A-Za-z0-9._-")
    role = Role.ADMIN if admin else Role.CUSTOMER
    click.echo(make_token(data_dir, Identity(role, user or (OPERATOR if admin else uuid7()))))


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


@click.command()
@click.argument("what", type=click.Choice(["openapi"]))
@data_dir_option
def render(what: str, data_dir: Path) -> None:  # noqa: ARG001 - every command takes it; the manifests need none
    """Write what is derived from the manifests: the OpenAPI document."""
    if what == "openapi":
        click.echo(json.dumps(api_document(list(manifests().values())), indent=2))
