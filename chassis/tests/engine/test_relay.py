"""The relay: a topic that is missing holds up its own events, and no other's."""

from collections.abc import Callable
from typing import Any

import pytest

from souk_chassis.engine import relay as module
from souk_chassis.engine.relay import RELAY_FAULT_PAUSE_S, Relay
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Database
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.stores import Closed, publish, publish_shelved


class Ticks:
    """The time of the relay."""

    now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    made = Ticks()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def topic() -> Closed:
    return Closed()


@pytest.fixture
def relay(make_instance: Callable[..., Instance], store: Database[Any], topic: Closed) -> Relay:
    return Relay(make_instance(store), topic)


async def test_more_than_a_batch_of_a_missing_topic_holds_up_no_other(
    store: Database[Any],
    topic: Closed,
    relay: Relay,
    ticks: Ticks,
    lines: RecordedLines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RELAY_BATCH", 3)
    for number in range(7):
        await publish_shelved(store, f"s{number}")
    await publish(store, "a", "b")
    assert [await relay.once(), await relay.once()] == [0, 2]
    assert sorted(topic.notes) == ["a", "b"]
    assert lines.messages("error") == ["events held back"]
    await publish(store, "c")
    assert [await relay.once(), await relay.once()] == [1, 0]
    assert topic.tried == 3  # and not once more with each round
    ticks.now_s += RELAY_FAULT_PAUSE_S
    assert await relay.once() == 0
    assert topic.tried == 6
    topic.closed = None
    ticks.now_s += RELAY_FAULT_PAUSE_S
    assert [await relay.once() for _ in range(4)] == [3, 3, 1, 0]
    assert sorted(topic.notes) == ["a", "b", "c", *(f"s{number}" for number in range(7))]


async def test_what_passes_by_itself_is_tried_with_each_round(
    store: Database[Any], topic: Closed, relay: Relay, ticks: Ticks
) -> None:
    topic.closed = unavailable("aws_unavailable", "It is away.")
    await publish_shelved(store, "a")
    await publish(store, "b")
    for _ in range(2):
        with pytest.raises(SoukError):
            await relay.once()
    assert (topic.notes, topic.tried) == (["b"], 2)
