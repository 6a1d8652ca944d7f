"""The exercises of functions, by the function's name: each makes it do something that it may do."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import TypeVar

from souk_chassis.auth.keys import SigningKey
from souk_chassis.aws.batches import Attributed
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.queues import DEAD_LETTERS
from souk_chassis.aws.sqs import Queues
from souk_chassis.manifest import Part, Service
from souk_chassis.runtimes.lambda_ import ANSWER_RESERVE_S
from souk_chassis.runtimes.lambda_events import RESERVE_S
from souk_chassis.storage.dynamodb.client import DynamoClient
from tests.permissions.events import DONE, NO_EVENT, answer, http, messages, outbox
from tests.permissions.stage import Stage

Exercise = Callable[[Stage], None]
E = TypeVar("E", bound=Exercise)

EXERCISES: dict[str, list[Exercise]] = {}
"""By the name of the function."""
_days = count()


def exercise(function: str) -> Callable[[E], E]:
    """Makes of a function an exercise of that function of the shop."""

    def add(work: E) -> E:
        EXERCISES.setdefault(function, []).append(work)
        return work

    return add


def days() -> Iterator[int]:
    """Days that follow each other: no round is done twice at one time."""
    return _days


def key_of(stage: Stage, service: str) -> SigningKey:
    """The key of a service."""
    return stage.place.keys[service]


def queues_exercises(service: Service) -> None:
    """What every service does with its queues and its outbox."""
    queues = [service.queue(event) for event in service.consumes]
    _books(service, queues)
    for queue in queues:
        _redriven(service, queue)
        _unreadable(service, queue)
        _out_of_time(service, queue)
    if service.publishes:

        @exercise(service.function(Part.EVENTS))
        def relays(stage: Stage) -> None:
            assert stage.act(outbox(*service.publishes)) == DONE

    @exercise(service.function(Part.EVENTS))
    def does_its_rounds(stage: Stage) -> None:
        stage.act_rounds()

    @exercise(service.function(Part.HTTP))
    def is_ready(stage: Stage) -> None:
        assert stage.act({}) == {}


def _books(service: Service, queues: list[str]) -> None:
    @exercise(service.function(Part.HTTP))
    def looks_at_its_queues(stage: Stage) -> None:
        for queue in queues:
            _die(stage, queue)
        found = answer(stage.act(http(f"GET /queues/{service.name}")), 200)
        assert len(found["deadLetters"]) >= len(queues)


def _redriven(service: Service, queue: str) -> None:
    @exercise(service.function(Part.HTTP))
    def redrives(stage: Stage) -> None:
        _die(stage, queue)
        route = f"POST /queues/{service.name}/{{queue}}/redrive"
        assert answer(stage.act(http(route, queue=queue)), 200)["redriven"] >= 1


def _unreadable(service: Service, queue: str) -> None:
    @exercise(service.function(Part.EVENTS))
    def buries(stage: Stage) -> None:
        assert stage.act(messages(queue, NO_EVENT)) == DONE


def _out_of_time(service: Service, queue: str) -> None:
    @exercise(service.function(Part.EVENTS))
    def puts_off(stage: Stage) -> None:
        event = messages(queue, NO_EVENT)
        assert stage.act(event, remaining_s=ANSWER_RESERVE_S + RESERVE_S) != DONE


def _die(stage: Stage, queue: str) -> None:
    """Put a dead letter into a queue's dead letters."""

    async def send(aws: AwsClient, _: DynamoClient) -> None:
        assert not await Queues(aws).send(queue + DEAD_LETTERS, [Attributed(NO_EVENT, {"count": 1})])

    stage.as_owner(send)
