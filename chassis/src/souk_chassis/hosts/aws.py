"""AWS for a service on the server: functions that it calls, topics for its events, queues that it hears."""

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
from souk_chassis.hosts.settings import ServiceSettings
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_calls import InvokingDispatcher


class Region:
    """AWS, for one service."""

    def __init__(self, settings: ServiceSettings, client: AwsClient) -> None:
        self._settings = settings
        self._client = client
        self._messages = Queues(client)
        self._queues = SqsQueues(self._messages, [settings.service.queue(event) for event in settings.service.consumes])

    def callees(self, tokens: CallTokens) -> dict[str, InvokingDispatcher]:
        """The way to each service that is functions."""
        functions = self._settings.functions
        return dict.fromkeys(functions, InvokingDispatcher(Functions(self._client), functions, tokens))

    @property
    def queues(self) -> SqsQueues | None:
        """The queues on SQS and their dead letters, where the bus is there."""
        return self._queues if self._settings.topics else None

    @property
    def bus(self) -> SnsBus:
        """The topics."""
        return SnsBus(Topics(self._client), self._settings.topics)

    def take_in(self, instance: Instance, stack: AsyncExitStack) -> None:
        """Begin to take in messages, until the stack ends."""
        intake = Intake(instance, self._messages, self._queues)
        intake.start()
        stack.push_async_callback(intake.stop)


def open_region(settings: ServiceSettings, environment: Mapping[str, str], stack: AsyncExitStack) -> Region | None:
    """AWS, where the settings name topics or functions; closed with the stack. Raises ConfigError."""
    if not settings.topics and not settings.functions:
        return None
    try:
        client = open_aws(environment)
    except ValueError as error:
        raise ConfigError(f"{error}, and SOUK_TOPICS or SOUK_FUNCTIONS is") from None
    stack.push_async_callback(client.close)
    return Region(settings, client)
