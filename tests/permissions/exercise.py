"""The exercises of functions, by the function's name: each makes it do something that it may do."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, TypeVar

from souk_chassis.auth.keys import SigningKey
from souk_chassis.aws.batches import Attributed
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.queues import DEAD_LETTERS
from souk_chassis.aws.sqs import Queues
from souk_chassis.events.event import Event
from souk_chassis.manifest import Part, Service
from souk_chassis.operation import AnyOperation
from souk_chassis.queues import is_of_queues
from souk_chassis.runtimes.lambda_ import ANSWER_RESERVE_S
from souk_chassis.runtimes.lambda_events import RESERVE_S
from souk_chassis.storage.dynamodb.client import DynamoClient
from tests import examples
from tests.permissions.events import DONE, NO_EVENT, answer, batch, http, messages, outbox
from tests.permissions.stage import Stage

Exercise = Callable[[Stage], None]
E = TypeVar("E", bound=Exercise)

EXERCISES: dict[str, list[Exercise]] = {}
"""By the name of the function."""
_days = count()
_fresh = count(1_000)
"""Numbers of events that no function has heard."""


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


def exercises_from_types(service: Service) -> None:
    """Exercises of a service that has none of its own: every route once, as an administrator, and every event."""
    queues_exercises(service)
    operations = [each for each in examples.in_order(service.implements) if not is_of_queues(each)]
    makes = [each for each in operations if each.status == 201 and each.route and not each.route.parameters]

    def asked(operation: AnyOperation, known: Mapping[str, str]) -> dict[str, Any]:
        route = operation.route
        assert route is not None
        path = {name: known[name] for name in route.parameters}
        return http(f"{route.method} {route.path}", examples.body(operation), **path)

    for operation in operations:

        @exercise(service.function(Part.HTTP))
        def is_asked(stage: Stage, operation: AnyOperation = operation) -> None:
            known: dict[str, str] = {}
            for each in makes if operation not in makes else ():
                known |= answer(stage.prepare(stage.function, asked(each, known)), 201)
            assert stage.act(asked(operation, known))["statusCode"] in {200, 201}

    for event in service.consumes:

        @exercise(service.function(Part.EVENTS))
        def hears(stage: Stage, event: type[Event] = event) -> None:
            assert stage.act(batch(service.queue(event), examples.event(event, next(_fresh)))) == DONE


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
