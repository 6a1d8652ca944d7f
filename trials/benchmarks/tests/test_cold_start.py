"""The functions that are compared do the same work, and the table tells ratios of the same rounds.

FastAPI and Powertools are tried by the benchmark itself, which refuses to tell figures of other work: their packages
are installed by `make bench` alone.
"""

import json

import pytest

from trials.benchmarks.cold import bare
from trials.benchmarks.cold.one_start import BAD, GOOD, event
from trials.benchmarks.cold_start import ANSWER, NAMES, Start, start, table

ITEM = {"productId": "p-1", "quantity": 1}
WRONG = [
    "",
    "[]",
    '{"id": "o-1"}',
    '{"id": "o-1", "items": []}',
    json.dumps({"id": "o 1", "items": [ITEM]}),
    json.dumps({"id": "o-1", "items": [ITEM], "more": 1}),
    json.dumps({"id": "o-1", "items": [{**ITEM, "quantity": True}]}),
    json.dumps({"id": "o-1", "items": [{**ITEM, "quantity": 1_000_001}]}),
    json.dumps({"id": "o-1", "items": [{**ITEM, "productId": "p" * 65}]}),
    json.dumps({"id": "o-1", "items": [ITEM] * 2_001}),
    BAD,
]


@pytest.mark.parametrize("name", ["bare", "souk"])
def test_a_start_answers_as_all_do(name: str) -> None:
    found = start(name, 100)
    assert (found.status, found.body, found.refused) == (201, ANSWER, 422)
    assert 0 < found.cold_ms < 60_000
    assert found.warm_us > 0


@pytest.mark.parametrize("body", WRONG)
def test_the_bare_handler_saves_no_work(body: str) -> None:
    assert bare.handler(event(body), None)["statusCode"] == 422


def test_it_lets_a_good_order_pass() -> None:
    assert json.loads(bare.handler(event(GOOD), None)["body"]) == ANSWER


def test_other_work_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWER, "units", 7)
    with pytest.raises(RuntimeError, match="bare does other work"):
        start("bare", 100)


def test_what_does_not_start_is_said() -> None:
    with pytest.raises(RuntimeError, match="nobody did not start"):
        start("nobody", 100)


def test_a_ratio_is_of_one_round() -> None:
    def one(cold_ms: float, warm_us: float) -> Start:
        return Start(cold_ms, 0.0, cold_ms, warm_us, 1, 201, {}, 422)

    rounds = [one(1, 1), one(100, 10), one(10, 5)]
    found = {name: [one(each.cold_ms * 3, each.warm_us * 2) for each in rounds] for name in NAMES} | {"souk": rounds}
    lines = {line[:16].strip(): line.split() for line in table(found).splitlines()}
    assert [lines["FastAPI, Mangum"][place] for place in (-5, -1)] == ["3.00", "2.00"]
    assert [lines["Souk"][place] for place in (-5, -1)] == ["1.00", "1.00"]
