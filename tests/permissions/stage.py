"""A function of the shop in the test's own process, built as Lambda's runtime builds it, and as its owner what has to
be there before. What it asks of AWS is written down, and what AWS refuses."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from souk_chassis.auth.keys import SigningKey
from souk_chassis.aws import client as aws_client
from souk_chassis.aws import queues as aws_queues
from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.transport import Transport
from souk_chassis.clock import SystemClock
from souk_chassis.runtimes import lambda_
from souk_chassis.storage.dynamodb import http_client
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_topologies.aws_local.tools import CHECKOUT
from souk_topologies.edge import edge_files
from souk_topologies.shop import manifests
from tests.permissions.actions import Grant
from tests.permissions.events import queues_of

Event = Mapping[str, Any]

REMAINING_S = 20.0
"""What a function has for an event, in seconds."""
LONG_DAYS = 40
"""How far ahead rounds are done, in days: what waits for the longest, idempotency keys, is forgotten after 30."""


@dataclass
class Record:
    """What a function asked for, and what of it was refused."""

    asked: set[Grant] = field(default_factory=set)
    refused: set[Grant] = field(default_factory=set)


recording: ContextVar[Record | None] = ContextVar("recording", default=None)
"""The record of the function at work; None while the stage is set."""


class RefusedError(Exception):
    """AWS refused what a function asked for."""

    def __init__(self, refused: set[Grant]) -> None:
        super().__init__(", ".join(" on ".join(grant) for grant in sorted(refused)))
        self.refused = refused


class Place(Protocol):
    """Where functions run: an AWS."""

    @property
    def keys(self) -> Mapping[str, SigningKey]:
        """The services' keys, with which tokens are signed."""

    @property
    def transport(self) -> Transport:
        """The way to AWS. It writes into `recording`."""

    def make_dynamo(self, aws: AwsClient) -> DynamoClient:
        """The client of DynamoDB, which need not go by the transport."""

    def environment(self, function: str) -> Mapping[str, str]:
        """The environment of a function, without credentials."""

    def credentials(self, function: str) -> Mapping[str, str]:
        """The credentials of a function's role, as the environment has them."""

    def owner(self) -> Mapping[str, str]:
        """Those of the account's owner, who may do anything."""


class AtMidnight(SystemClock):
    """A clock that stands at the midnight before so many days from now: all rounds are due then."""

    def __init__(self, days: int) -> None:
        self._days = days

    def now(self) -> datetime:
        """See `Clock`."""
        return super().now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=self._days)


class Sandbox(lambda_.Sandbox):
    """A sandbox that ends."""

    def close(self) -> None:
        """Give up what is under way, and the loop."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class Stage:
    """Where one function does its exercises."""

    def __init__(self, place: Place, function: str, days: Iterator[int]) -> None:
        self.place = place
        self.function = function
        self.heard: set[str] = set()
        """The queues from which the function was given an event as itself."""
        self._days = days

    def act(self, event: Event, *, remaining_s: float = REMAINING_S) -> dict[str, Any]:
        """Let the function handle an event, as itself. Raises RefusedError where AWS refused something, else whatever
        the function raises."""
        record = recording.get()
        assert record is not None
        self.heard.update(queues_of(event))
        try:
            return self._handle(self.function, event, self.place.credentials(self.function), remaining_s)
        finally:
            if record.refused:
                raise RefusedError(record.refused) from None

    def act_rounds(self) -> None:
        """Let the function do its rounds, as if each was due and all that waits had waited for long."""
        with patch.object(lambda_, "CLOCK", AtMidnight(LONG_DAYS + next(self._days))):
            assert self.act({}) == {}

    def prepare(self, function: str, event: Event) -> dict[str, Any]:
        """Let any function handle an event, as the account's owner. It is not written down."""
        mark = recording.set(None)
        try:
            return self._handle(function, event, self.place.owner(), REMAINING_S)
        finally:
            recording.reset(mark)

    def asked(self, work: Callable[["Stage"], None]) -> set[Grant]:
        """What the function asks for in an exercise. Raises as `act` does."""
        record = Record()
        mark = recording.set(record)
        try:
            work(self)
        finally:
            recording.reset(mark)
        return record.asked

    def as_owner(self, work: Callable[[AwsClient, DynamoClient], Any]) -> None:
        """Do something at AWS as the account's owner: `work` makes a coroutine."""
        mark = recording.set(None)
        try:
            aws = open_aws({**self.place.environment(self.function), **self.place.owner()}, self.place.transport)
            asyncio.run(work(aws, self.place.make_dynamo(aws)))
        finally:
            recording.reset(mark)

    def _handle(
        self, function: str, event: Event, credentials: Mapping[str, str], remaining_s: float
    ) -> dict[str, Any]:
        sandbox = Sandbox({**self.place.environment(function), **credentials})
        try:
            return sandbox.handle(event, remaining_s)
        finally:
            sandbox.close()


@contextmanager
def in_place(place: Place) -> Iterator[None]:
    """What functions open goes to this AWS, and looks at queues without waiting."""
    with (
        patch.object(aws_client, "HttpTransport", lambda: place.transport),
        patch.object(http_client, "HttpDynamoClient", place.make_dynamo),
        patch.object(aws_queues, "WAIT_S", 0),
    ):
        yield


def write_edge(folder: Path) -> None:
    """Put into a folder what the gateway's function finds beside its code."""
    for name, content in edge_files(list(manifests().values()), CHECKOUT / "web").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
