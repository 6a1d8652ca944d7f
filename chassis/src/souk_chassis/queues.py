"""Operations that every service has: to look at its queues, and to try their dead letters again."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from souk_chassis.context import Context
from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.ids import Id
from souk_chassis.operation import GET, POST, Access, AnyOperation, Nothing, Operation
from souk_chassis.storage.ports import QueueBooks, Store
from souk_chassis.wire import Lenient, Message

SHOWN_DEAD_LETTERS = 100
"""The most dead letters that are shown, the newest."""

NoSuchQueue = ErrorType(ErrorKind.NOT_FOUND, "queue_not_found", "This service has no such queue.")


class Queue(Lenient, frozen=True, kw_only=True):
    """A queue: what waits in it, for how long the oldest (in seconds), and what was given up."""

    name: str
    waiting: int
    oldest_s: float
    dead: int


class Dead(Lenient, frozen=True, kw_only=True):
    """An event that was given up."""

    queue: str
    event_id: str
    type: str
    subject: str
    reason: str
    attempts: int
    died_at: datetime


class Queues(Lenient, frozen=True, kw_only=True):
    """A service's outbox, queues and dead letters."""

    service: str
    outbox: int
    queues: tuple[Queue, ...]
    dead_letters: tuple[Dead, ...]


class QueueRef(Message, frozen=True, kw_only=True):
    """One queue, by name."""

    queue: Id


class Redriven(Lenient, frozen=True, kw_only=True):
    """How many dead letters went back into their queue."""

    queue: str
    redriven: int


class HasQueues(Protocol):
    """What these operations need of a service's dependencies."""

    @property
    def store(self) -> Store[Any]:
        """The service's store."""

    @property
    def queues(self) -> QueueBooks:
        """The service's queues: the store itself where it holds them."""


def is_of_queues(operation: object) -> bool:
    """Whether it is one of the two operations that every service has."""
    return getattr(operation, "response", None) in (Queues, Redriven)


def queue_operations(service: str, queues: frozenset[str]) -> dict[AnyOperation, Callable[..., Any]]:
    """The two operations of `service`, which has these queues, with their implementations."""

    async def inspect_queues(ctx: Context[HasQueues], _: Nothing) -> Queues:
        books = ctx.deps.queues
        states = await books.queue_states(sorted(queues))
        letters = await books.dead_letters(SHOWN_DEAD_LETTERS)
        return Queues(
            service=service,
            outbox=await ctx.deps.store.outbox_size(),
            queues=tuple(Queue(name=s.name, waiting=s.waiting, oldest_s=s.oldest_s, dead=s.dead) for s in states),
            dead_letters=tuple(
                Dead(
                    queue=letter.queue,
                    event_id=letter.event_id,
                    type=letter.type,
                    subject=letter.subject,
                    reason=letter.reason,
                    attempts=letter.attempts,
                    died_at=letter.died_at,
                )
                for letter in letters
            ),
        )

    async def redrive_queue(ctx: Context[HasQueues], request: QueueRef) -> Redriven:
        if request.queue not in queues:
            raise NoSuchQueue()
        return Redriven(queue=request.queue, redriven=await ctx.deps.queues.redrive(request.queue))

    inspect = Operation(
        f"inspect_{service}_queues",
        service,
        GET(f"/queues/{service}"),
        request=Nothing,
        response=Queues,
        access=Access.ADMIN,
        summary=f"The queues of {service}",
        idempotent=True,
    )
    redrive = Operation(
        f"redrive_{service}_queue",
        service,
        POST(f"/queues/{service}/{{queue}}/redrive"),
        request=QueueRef,
        response=Redriven,
        access=Access.ADMIN,
        summary=f"Try the dead letters of a queue of {service} again",
        idempotent=True,
        errors=[NoSuchQueue],
    )
    return {inspect: inspect_queues, redrive: redrive_queue}
