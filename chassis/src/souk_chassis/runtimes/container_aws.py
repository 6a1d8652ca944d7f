"""What AWS is to a service in a container: functions that it calls, topics for its events, queues that it hears."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from souk_chassis.auth.tokens import CallTokens
from souk_chassis.aws.bus import SnsBus
from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.functions import Functions
from souk_chassis.aws.queues import SqsQueues
from souk_chassis.aws.sns import Topics
from souk_chassis.aws.sqs import Queues
from souk_chassis.config import ConfigError
from souk_chassis.engine.intake import Intake
from souk_chassis.runtimes.container_config import Told
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_calls import InvokingDispatcher


class Region:
    """AWS, for one service."""

    def __init__(self, told: Told, client: AwsClient) -> None:
        self._told = told
        self._client = client
        self._messages = Queues(client)
        self._queues = SqsQueues(self._messages, [told.service.queue(event) for event in told.service.consumes])

    def ways(self, tokens: CallTokens) -> dict[str, InvokingDispatcher]:
        """The way to each service that is functions."""
        functions = self._told.functions
        return dict.fromkeys(functions, InvokingDispatcher(Functions(self._client), functions, tokens))

    @property
    def queues(self) -> SqsQueues | None:
        """The queues on SQS and their dead letters, where the bus is there."""
        return self._queues if self._told.topics else None

    @property
    def bus(self) -> SnsBus:
        """The topics."""
        return SnsBus(Topics(self._client), self._told.topics)

    def take_in(self, instance: Instance, stack: AsyncExitStack) -> None:
        """Begin to take in messages, until the stack ends."""
        intake = Intake(instance, self._messages, self._queues)
        intake.start()
        stack.push_async_callback(intake.stop)


def open_region(told: Told, environment: Mapping[str, str], stack: AsyncExitStack) -> Region | None:
    """AWS, where the service is told of topics or functions; closed with the stack. Raises ConfigError."""
    if not told.topics and not told.functions:
        return None
    try:
        client = open_aws(environment)
    except ValueError as error:
        raise ConfigError(f"{error}, and SOUK_TOPICS or SOUK_FUNCTIONS is") from None
    stack.push_async_callback(client.close)
    return Region(told, client)
