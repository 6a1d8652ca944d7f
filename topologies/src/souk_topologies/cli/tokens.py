"""`souk token`, and the token that the other commands work with."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import click

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import load_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.ids import ID_PATTERN, uuid7
from souk_topologies.cli.options import UsedWronglyError, data_dir_option
from souk_topologies.places import DataDir
from souk_topologies.shop import OPERATOR

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
