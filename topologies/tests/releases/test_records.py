"""Records that a release has: a change that would lose or hide what is stored is refused, and what is added passes."""

from datetime import datetime
from typing import Any

import pytest

from souk_chassis.record import Listed, Unique
from souk_topologies.releases.model import Release
from topologies.tests.releases.lending import BY_READER, Shelf, books, found, loan, readers, release
from topologies.tests.releases.test_rules import State, _State

KEEPS: dict[str, tuple[dict[str, Any], str]] = {
    "a field that has no default": ({"fields": {"desk": str}}, "Loans.desk is new and has no default"),
    "a field that is needed is gone": ({"without": ["place"]}, "Loans no longer has place, which books of 0.1.0 needs"),
    "a field of another type": ({"fields": {"reader": int}}, "Loans.reader was text and is integer"),
    "a field that may be null": ({"fields": {"place": str | None}}, "Loans.place was optional text and is text"),
    "a default less": ({"fields": {"days": int}}, "Loans.days has lost its default"),
    "another key": ({"key": "place"}, "the key of Loans was loan_id and is place: declare a new record"),
    "a list less": ({"lists": {}}, "Loans has lost by_reader"),
    "a list by another field": (
        {"lists": {"by_reader": Listed("place")}},
        "Loans has lost by_reader, or has it by other",
    ),
    "a unique value less": ({"unique": {}}, "Loans has lost by_place"),
    "a unique value more": (
        {"unique": {"by_place": Unique("place"), "by_name": Unique("reader")}},
        "Loans has by_name, which is new: it may refuse what books of 0.1.0 stores",
    ),
    "another expiry": ({"fields": {"until": (datetime | None, None)}, "expires": "until"}, "expires by until"),
}


def keeping(*records: Any) -> Release:
    """The two services, of which books keeps records."""
    return release(books(keeps=list(records)), readers())


@pytest.mark.parametrize("name", KEEPS)
def test_a_record_that_would_lose_or_hide_what_is_stored_is_refused(name: str) -> None:
    changed, words = KEEPS[name]
    told = [str(each) for each in found(keeping(loan(**changed)), keeping(loan()))]
    assert any(words in each and each.endswith(": breaks books of 0.1.0") for each in told), told


def test_a_record_grows() -> None:
    old = keeping(loan())
    for more in ({"fields": {"note": (str, "")}}, {"lists": {"by_reader": BY_READER, "by_place": Listed("place")}}):
        assert found(keeping(loan(**more)), old) == []
    assert found(keeping(loan(), Shelf), old) == []
    assert found(keeping(loan(fields={"place": (str, "")})), old) == []
    assert found(keeping(loan(without=["days"])), old) == [], "the old version has a default for it"
    assert any("it no longer keeps Shelves" in str(each) for each in found(keeping(), keeping(Shelf)))


def test_a_new_value_in_a_record_is_to_be_known() -> None:
    [note] = found(keeping(loan(fields={"state": _State})), keeping(loan(fields={"state": State})))
    assert (note.breaks, "Loans.state may no longer be CLOSED" in note.what) == ("", True)
    assert found(keeping(loan(fields={"state": State})), keeping(loan(fields={"state": _State})))[0].breaks
