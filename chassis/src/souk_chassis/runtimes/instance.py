"""A service that has been built: its manifest with the dependencies that its bootstrap made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from souk_chassis.auth.keys import SigningKey
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Context, Dispatcher
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.joint_books import JointBooks
from souk_chassis.storage.ports import Database, QueueBooks, Store

if TYPE_CHECKING:  # whoever is given one has it imported
    from souk_chassis.aws.client import AwsClient


class Round(msgspec.Struct, frozen=True):
    """Work of the service's own that is done again and again, such as a reconciler's, every so many seconds."""

    run: Callable[[Context[Any]], Awaitable[object]]
    every_s: float


class Aws(msgspec.Struct, frozen=True):
    """The way to AWS, for a service that keeps its data in DynamoDB and hears from SQS."""

    dynamodb: DynamoClient
    queues: QueueBooks
    client: "AwsClient"


class Foundation(msgspec.Struct, frozen=True):
    """What a topology gives a `bootstrap.build`. With neither `aws` nor a `database_url` the service runs in memory."""

    clock: Clock
    key: SigningKey
    environment: Mapping[str, str]
    database_url: str | None = None
    aws: Aws | None = None
    before: QueueBooks | None = None
    """Queues elsewhere, out of which the service's messages are taken into those of its own database."""

    def books(self, own: QueueBooks) -> QueueBooks:
        """The books of the service's queues, `own` being its database's."""
        return own if self.before is None else JointBooks(own, self.before)


class Instance(msgspec.Struct, frozen=True):
    """One running service. `closers` are awaited in order when it stops."""

    manifest: Service
    deps: Any
    store: Store[Any]
    clock: Clock
    log: Log
    rounds: Sequence[Round] = ()
    closers: Sequence[Callable[[], Awaitable[None]]] = ()

    @property
    def database(self) -> Database[Any]:
        """The store, where the topology gave the service one that holds its queues."""
        return cast("Database[Any]", self.store)

    def context(self, dispatcher: Dispatcher, call: Call) -> Context[Any]:
        """The context of one call."""
        return Context(self.deps, self.manifest.name, self.log, self.clock, dispatcher, call, self.store)

    async def close(self) -> None:
        """Finish what was taken, then release the store."""
        for close in self.closers:
            await close()
        await self.store.close()
