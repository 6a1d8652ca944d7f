"""A service that has been built: its manifest with the dependencies that its bootstrap made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from souk_chassis.auth.keys import SigningKey
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Context, Dispatcher
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.storage.ports import Database

Background = Callable[[Context[Any]], Awaitable[None]]
"""A loop of the service's own, such as a reconciler. It runs until it is cancelled."""


@dataclass(frozen=True)
class Foundation:
    """What a topology gives a service's `bootstrap.build`. Without a `database_url` the service runs in memory."""

    clock: Clock
    key: SigningKey
    environment: Mapping[str, str]
    database_url: str | None = None


@dataclass(frozen=True)
class Instance:
    """One running service. `closers` are awaited in order when it stops."""

    manifest: Service
    deps: Any
    database: Database[Any]
    clock: Clock
    log: Log
    background: Sequence[Background] = ()
    housekeeping: Sequence[Background] = ()
    """What is done at the start and once an hour, such as forgetting what nobody asks for any more."""
    closers: Sequence[Callable[[], Awaitable[None]]] = field(default_factory=tuple)

    def context(self, dispatcher: Dispatcher, call: Call) -> Context[Any]:
        """The context of one call."""
        return Context(self.deps, self.manifest.name, self.log, self.clock, dispatcher, call)

    async def close(self) -> None:
        """Finish what was taken, then release the store."""
        for close in self.closers:
            await close()
        await self.database.close()
