"""Batches as AWS takes them, and what is sent again."""

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.aws.batches import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    BATCH_PAUSE_CAP_S,
    BATCH_PAUSE_S,
    BATCH_TRIES,
    Attributed,
    Failed,
    batched,
    sendable,
    until_taken,
)
from souk_chassis.aws.errors import RequestRefusedError, aws_answer_lost, aws_unavailable
from souk_chassis.errors import SoukError, invalid
from souk_chassis.testing.virtual_time import run_virtually


@given(st.lists(st.integers(0, BATCH_BYTES), max_size=60))
def test_batches_hold_all_in_order_and_fit(weights: list[int]) -> None:
    batches = batched(weights, lambda weight: weight)
    assert [weight for batch in batches for weight in batch] == weights
    assert all(batch and len(batch) <= BATCH_ENTRIES and sum(batch) <= BATCH_BYTES for batch in batches)
    full = [len(batch) == BATCH_ENTRIES or sum(batch) + later[0] > BATCH_BYTES for batch, later in pairwise(batches)]
    assert all(full)


def test_attributes_weigh_too_and_in_bytes() -> None:
    assert Attributed("ä").weight() == 2
    assert Attributed("a", {"type": "ü", "count": 12}).weight() == 1 + 4 + 6 + 2 + 5 + 6 + 2


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sent_is_what_xml_can_hold(text: str) -> None:
    sent = sendable(text)
    assert all(c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" for c in sent)
    assert sent == text or not text.isprintable()


def test_json_stays_the_same_value() -> None:
    value = {"name": "a\ufffeb\uffff\x00\U0001f600"}
    assert json.loads(sendable(json.dumps(value, ensure_ascii=False))) == value


class Taker:
    """Takes entries as the script says: each turn has the codes of what fails, by entry, or an error."""

    def __init__(self, *turns: dict[str, str] | SoukError) -> None:
        self.turns = list(turns)
        self.sent: list[list[str]] = []

    async def send(self, entries: Sequence[str]) -> list[Failed]:
        self.sent.append(list(entries))
        turn = self.turns.pop(0) if self.turns else {}
        if isinstance(turn, SoukError):
            raise turn
        return [
            Failed(place, turn[entry], "no", sender_fault=turn[entry] in {"InvalidParameter", "Throttled"})
            for place, entry in enumerate(entries)
            if entry in turn
        ]


def outcome(taker: Taker, entries: Sequence[str] = ("a", "b", "c")) -> tuple[object, float]:
    """What came of it, and how many virtual seconds it took."""

    async def send() -> tuple[object, float]:
        try:
            await until_taken(entries, taker.send, random.Random(1))
            raised: object = None
        except (SoukError, RequestRefusedError) as error:
            raised = error.code
        return raised, asyncio.get_running_loop().time()

    return run_virtually(send())


def test_all_at_once() -> None:
    taker = Taker()
    assert outcome(taker) == (None, 0.0)
    assert taker.sent == [["a", "b", "c"]]


def test_what_failed_for_the_moment_is_sent_again_alone() -> None:
    taker = Taker({"b": "InternalError", "c": "Throttled"}, {"c": "InternalError"})
    raised, took_s = outcome(taker)
    assert raised is None
    assert taker.sent == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert 0.0 < took_s <= BATCH_PAUSE_S + 2 * BATCH_PAUSE_S


@pytest.mark.parametrize("error", [aws_unavailable(), aws_answer_lost()])
def test_a_call_that_failed_is_repeated_whole(error: SoukError) -> None:
    taker = Taker(error, {"a": "InternalError"})
    assert outcome(taker)[0] is None
    assert taker.sent == [["a", "b", "c"], ["a", "b", "c"], ["a"]]


def test_what_is_refused_for_good_is_told_once_the_others_are_taken() -> None:
    taker = Taker({"a": "InvalidParameter", "b": "InternalError"})
    assert outcome(taker)[0] == "InvalidParameter"
    assert taker.sent == [["a", "b", "c"], ["b"]]


def test_patience_ends() -> None:
    taker = Taker(*({"a": "InternalError"} for _ in range(100)))
    raised, took_s = outcome(taker)
    assert raised == aws_unavailable().code
    assert len(taker.sent) == BATCH_TRIES
    assert took_s <= BATCH_TRIES * BATCH_PAUSE_CAP_S
    lost = Taker(*(aws_answer_lost() for _ in range(100)))
    assert outcome(lost)[0] == aws_answer_lost().code


def test_an_error_that_stays_is_not_repeated() -> None:
    taker = Taker(invalid("wrong", "Wrong."))
    assert outcome(taker)[0] == "wrong"
    assert len(taker.sent) == 1
