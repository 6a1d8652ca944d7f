"""The shop of functions a step at a time, in virtual time: one invocation after another, as its stream, its queues and
its schedule would make them, until nothing is left to do. Any one of them can be killed where it waits."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from types import coroutine
from typing import Any

from souk_chassis import wire
from souk_chassis.auth.keys import SigningKey
from souk_chassis.aws.functions import Invoked
from souk_chassis.events.event import Stored
from souk_chassis.manifest import Part
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.virtual_time import VirtualClock
from tests.functions.queues import sqs_record
from tests.functions.shop import BATCH, FunctionsShop

TICK_S = 61.0
"""How much later the schedule calls again: what was written before is then old enough to be swept."""
MOST_TICKS = 15


class Mortal:
    """Counts how often the tasks of an invocation wait, and lets it die where it waits for the `dies_at`th time: every
    task of it, at once, and for good."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.waits = 0
        self.dead = asyncio.Event()
        self._dies_at = dies_at

    def die(self) -> None:
        """From now on nothing that it does reaches anybody."""
        self.dead.set()

    def check(self) -> None:
        """Raise Crash in one who is dead."""
        if self.dead.is_set():
            raise Crash

    @coroutine
    def living(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The work, which ends with the invocation."""
        step: Callable[[], Any] = lambda: work.send(None)  # noqa: E731 - what to do next is sent, or thrown
        while True:
            try:
                waited_for = step()
            except StopIteration as ended:
                return ended.value
            self.waits += 1
            if self.waits == self._dies_at:
                self.die()
            if self.dead.is_set():
                step = lambda: work.throw(Crash())  # noqa: E731
                continue
            try:
                sent = yield waited_for
                step = lambda sent=sent: work.send(sent)  # type: ignore[misc] # noqa: E731
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the work's
                step = lambda error=error: work.throw(error)  # type: ignore[misc] # noqa: E731


class _Client:
    """What a function has of DynamoDB while it lives. A call waits before it is made and before it is answered."""

    def __init__(self, inner: Callable[[], DynamoClient], mortal: Callable[[], Mortal]) -> None:
        self._inner = inner
        self._mortal = mortal

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self._mortal().check()
        await asyncio.sleep(0)
        try:
            answer = await self._inner().call(operation, request)
        except Crash:
            self._mortal().die()
            raise
        await asyncio.sleep(0)
        return answer

    async def close(self) -> None:
        """There is nothing to release."""


class SteppedShop(FunctionsShop):
    """A shop that moves when it is told to. `faulty` stands before the tables, and is passed by when it has struck;
    where the stream is `deaf`, the sweep alone hands on the outbox."""

    def __init__(self, keys: Mapping[str, SigningKey], clock: VirtualClock, *, deaf: bool = False) -> None:
        super().__init__(keys, Path(), clock)
        self.faulty: FaultyClient | None = None
        self.mortal = Mortal()
        self.deaths = 0
        self._deaf = deaf
        self._records: list[tuple[str, Mapping[str, Any]]] = []
        self.client = _Client(lambda: self.faulty or self.tables, lambda: self.mortal)

    def streamed(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep it for its turn."""
        if not self._deaf:
            self._records.append((name, record))

    async def publish(self, messages: Sequence[Stored]) -> None:
        """See `Bus`. It takes its time, as every call does."""
        self.mortal.check()
        await asyncio.sleep(0)
        await super().publish(messages)
        await asyncio.sleep(0)

    async def invoke(self, function: str, payload: bytes, **how: object) -> Invoked:
        """See `souk_chassis.aws.functions.Functions`."""
        self.mortal.check()
        await asyncio.sleep(0)
        return await super().invoke(function, payload, **how)

    async def ask(self, method: str, path: str, token: str, body: Any = None) -> tuple[int, bytes]:
        """A request from outside, and again until its function lives to answer it."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        while True:
            content = b"" if body is None else wire.encode(body)
            path_only, _, query = path.partition("?")
            answer = await self.survived(self.answer(method, path_only, headers, content, query=query))
            if answer is not None and answer["statusCode"] < 500:
                return answer["statusCode"], answer["body"].encode()

    async def settle(self) -> None:
        """Everything that there is to do, and then the schedule, until all has come to rest."""
        for _ in range(MOST_TICKS):
            while await self._step():
                pass
            if not self.outbox():
                return
            await self.tick()
        raise AssertionError(f"it does not come to rest: {self.outbox()} in outboxes")

    async def tick(self) -> None:
        """A minute later: the schedule of each service, and what comes of it."""
        await asyncio.sleep(TICK_S)
        for name, function in self.events.items():
            await self.survived(self.invoked(name, Part.EVENTS, function({}, self.deadline())))
        while await self._step():
            pass

    def outbox(self) -> int:
        """Items in the outboxes of all services."""
        tables = self.tables.model.tables.values()
        return sum(item.get("slot", {}).get("S", "").startswith("out#") for t in tables for item in t.items.values())

    async def _step(self) -> bool:
        """One invocation, by the stream or by a queue. False where there is nothing to do."""
        if self._records:
            name, record = self._records[0]
            if await self._event(name, [record]) is not None:
                self._records.pop(0)
            return True
        for name, queues in self.queues.items():
            for queue, messages in queues.waiting.items():
                if messages:
                    queues.waiting[queue] = messages[BATCH:]
                    await self._batch(name, queue, messages[:BATCH])
                    return True
        return False

    async def _batch(self, name: str, queue: str, batch: Sequence[tuple[str, int]]) -> None:
        records = [sqs_record(queue, str(place), *each) for place, each in enumerate(batch)]
        answer = await self._event(name, records)
        again = [each["itemIdentifier"] for each in answer["batchItemFailures"]] if answer else range(len(batch))
        for place in map(int, again):
            body, received = batch[place]
            self.queues[name].send(queue, body, received + 1)

    async def _event(self, name: str, records: Sequence[Mapping[str, Any]]) -> Any:
        function = self.events[name]
        return await self.survived(
            self.invoked(name, Part.EVENTS, function({"Records": list(records)}, self.deadline()))
        )

    async def survived(self, work: Awaitable[Any]) -> Any:
        """One invocation. None where it was killed; its sandbox is then gone, with all that ran in it."""
        loop, mortal, outside = asyncio.get_running_loop(), self.mortal, asyncio.all_tasks()

        def start(loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> asyncio.Task[Any]:
            task = asyncio.Task(mortal.living(work), loop=loop, **how)
            task.add_done_callback(lambda _: work.close())  # one that was killed before it began
            return task

        loop.set_task_factory(start)  # type: ignore[arg-type] # a factory's type differs between versions of Python
        task = asyncio.ensure_future(_awaited(work))
        death = asyncio.Task(mortal.dead.wait(), loop=loop)
        await asyncio.wait([task, death], return_when=asyncio.FIRST_COMPLETED)
        loop.set_task_factory(None)
        if not mortal.dead.is_set():
            death.cancel()
            return task.result()
        inside = asyncio.all_tasks() - outside
        for each in inside:
            each.cancel()
        await asyncio.gather(*inside, return_exceptions=True)
        self.deaths += 1
        self.mortal, self.faulty = Mortal(), None
        await self.build()
        return None


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
