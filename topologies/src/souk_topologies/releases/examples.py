"""Examples of a release: messages as they were really written, while the shop was played on a real database."""

import json
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from souk_chassis.events.event import MAX_EVENTS, Stored, as_message, events_of
from souk_topologies.postgres import EmbeddedPostgres, provision, secret_names, service_dsn
from souk_topologies.postgres.rows import rows_of
from souk_topologies.releases.model import Release, store, write_json
from souk_topologies.releases.play import play
from souk_topologies.releases.seal import seal
from souk_topologies.releases.stage import Stage, open_stage
from souk_topologies.shop import SERVICES

_SECRETS = {
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+": "a.signed.token",
    r"\$argon2[^\"]+": "a hash of a password",
}
"""What no file may hold, and what stands in its place."""


class UnplayedError(ValueError):
    """The play reaches some operations or events not at all: there is nothing to keep of them."""


async def keep(release: Release, folder: Path) -> str:
    """Play the shop on a PostgreSQL of its own, and write the release with its examples. Returns what was kept.

    Raises UnplayedError, FileExistsError.
    """
    async with _databases() as urls:
        return await keep_from(urls, release, folder)


async def keep_from(urls: Mapping[str, str], release: Release, folder: Path, *, strict: bool = True) -> str:
    """The same on empty databases, by service. What the play does not reach has no example: see `check_played`."""
    stage = await open_stage(urls)
    try:
        await play(stage)
        if strict:
            check_played(release, stage)
        rows = {name: await rows_of(url) for name, url in urls.items()}
    finally:
        await stage.close()
    store(release, folder)
    base = folder / str(release.version) / "examples"
    base.mkdir()
    for name, (request, response) in stage.way.kept.items():
        kept = {"request": json.loads(request), "response": response and json.loads(response)}
        write_json(base / "operations" / f"{name}.json", _public(kept))
    for name, messages in stage.ear.heard.items():
        write_json(base / "events" / f"{name}.json", event_examples(messages))
    for name, tables in rows.items():
        write_json(base / "rows" / f"{name}.json", _public(tables))
    seal(base.parent)
    count = sum(len(table) for tables in rows.values() for table in tables.values())
    return f"{len(release.operations)} operations, {len(release.events)} events, {count} rows"


def check_played(release: Release, stage: Stage) -> None:
    """Raise UnplayedError unless every operation was asked and every event heard."""
    unasked = release.operations.keys() - stage.way.kept.keys()
    unheard = {name for name, event in release.events.items() if event.published_by} - stage.ear.heard.keys()
    if missing := sorted(unasked | unheard):
        raise UnplayedError(f"the play does not reach {', '.join(missing)}: add them to {play.__module__}")


def event_examples(messages: Sequence[Stored]) -> dict[str, Any]:
    """A message of one event, and one of several, put together as the outbox does it, of all that were heard."""
    singles = [Stored(event_id, each.type, text) for each in messages for event_id, text in events_of(each.json)]
    several = as_message(singles[:MAX_EVENTS] if len(singles) > 1 else singles * 2)
    return {"one": json.loads(singles[0].json), "several": json.loads(several.json)}


@asynccontextmanager
async def _databases() -> AsyncIterator[Mapping[str, str]]:
    """A database a service, on a server that is gone afterwards. The server's own user can reach its folder."""
    folder = Path(tempfile.mkdtemp(prefix="souk-release-"))
    folder.chmod(0o755)  # noqa: ASYNC240 - nothing else runs
    server = EmbeddedPostgres(folder)
    try:
        admin = (await server.start()).dsn("postgres")
        passwords = {name: secrets.token_hex(16) for name in secret_names(SERVICES)}
        await provision(admin, SERVICES, passwords)
        yield {name: service_dsn(admin, name, passwords) for name in SERVICES}
    finally:
        await server.stop("immediate")
        shutil.rmtree(folder)


def _public(value: Any) -> Any:
    """The same without secrets."""
    text = json.dumps(value)
    for secret, instead in _SECRETS.items():
        text = re.sub(secret, instead, text)
    return json.loads(text)
