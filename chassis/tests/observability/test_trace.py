"""W3C trace context: gone on with where it is valid, begun anew otherwise."""

import re

import pytest

from souk_chassis.observability.trace import accept_traceparent, new_traceparent, trace_id
from souk_chassis.testing.contexts import TRACEPARENT

FORM = r"00-[0-9a-f]{32}-[0-9a-f]{16}-01"


def test_new_traces_are_valid_and_differ() -> None:
    made = {new_traceparent() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(FORM, one) for one in made)


@pytest.mark.parametrize("header", [TRACEPARENT, f" {TRACEPARENT} ", TRACEPARENT[:-2] + "00"])
def test_a_trace_goes_on_with_a_span_of_its_own(header: str) -> None:
    accepted = accept_traceparent(header)
    assert re.fullmatch(FORM, accepted)
    assert trace_id(accepted) == "0af7651916cd43dd8448eb211c80319c"
    assert accepted[36:52] != TRACEPARENT[36:52]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "rubbish",
        TRACEPARENT.upper(),
        TRACEPARENT[:-1],
        TRACEPARENT + "-more",
        "ff" + TRACEPARENT[2:],
        "00-" + "0" * 32 + TRACEPARENT[35:],
        TRACEPARENT[:36] + "0" * 16 + "-01",
        TRACEPARENT + "\n" + TRACEPARENT,
    ],
)
def test_what_is_no_trace_begins_one(header: str | None) -> None:
    accepted = accept_traceparent(header)
    assert re.fullmatch(FORM, accepted)
    assert trace_id(accepted) not in {"0af7651916cd43dd8448eb211c80319c", "0" * 32}


def test_no_trace_has_no_id() -> None:
    assert trace_id("") == ""
