"""Each rule of docs/reference/compatibility.md: a break that is planted is found, and what is additive passes."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.manifest import Part, Service, Uses
from souk_chassis.operation import GET, POST, Access
from souk_chassis.wire import Lenient, Message
from souk_topologies.releases.model import Release
from souk_topologies.releases.present import describe
from souk_topologies.releases.sources import KEPT_BACK, Sources
from topologies.tests.releases.lending import (
    ANSWER,
    EVENT,
    HEARS,
    REQUEST,
    _handle,
    books,
    event,
    find,
    found,
    lend,
    migrations,
    readers,
    release,
    struct,
    table,
)


def calling(operation: Any, **changed: Any) -> Release:
    """The two services, with another operation that readers call."""
    return release(books(implements={operation: _handle, find(): _handle}, **changed), readers(calls=[operation]))


def answering(operation: Any) -> Release:
    """The two services, with another public operation."""
    return release(books(implements={lend(): _handle, operation: _handle}), readers())


def telling(*events: Any, heard: tuple[Any, ...] | None = None) -> Release:
    """The two services, with other events."""
    return release(
        books(publishes=list(events)), readers(consumes=dict.fromkeys(events if heard is None else heard, HEARS))
    )


def without(fields: Any, name: str) -> dict[str, Any]:
    return {field: kind for field, kind in fields.items() if field != name}


class State(StrEnum):
    OPEN = "OPEN"


class _State(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"


_State.__name__ = "State"

Bounded = Annotated[str, msgspec.Meta(max_length=5)]
TELLS_ALL = struct(Message, "Lend", {**REQUEST, "desk": (str, "")}, omit_defaults=False)
SWALLOWS = struct(Lenient, "Lend", REQUEST)
TELLS_LESS = struct(Lenient, "Loan", {**ANSWER, "due": (str, "")}, omit_defaults=True)
REFUSES = struct(Message, "Loan", ANSWER, omit_defaults=False)
V2 = event("BookLentV2", EVENT, version=2)

BREAKS_SERVICES: dict[str, tuple[Callable[[], Release], str]] = {
    "a new required field of a request": (
        lambda: calling(lend({**REQUEST, "desk": str})),
        "the request's desk is not there, and is needed: breaks readers of 0.1.0",
    ),
    "a field of a request is gone": (
        lambda: calling(lend(without(REQUEST, "days"))),
        "the request's days is not known, and refused: breaks readers of 0.1.0",
    ),
    "a type of a request is tightened": (
        lambda: calling(lend({**REQUEST, "days": (bool, True)})),
        "days may be integer, and boolean is read",
    ),
    "a bound of a request is tightened": (
        lambda: calling(lend({**REQUEST, "book_id": Bounded})),
        "bookId may be other than what is read: at most 5 characters",
    ),
    "a field of a request that every new caller sends": (
        lambda: calling(lend(TELLS_ALL)),
        "the request's desk is always sent, and books of 0.1.0 refuses it",
    ),
    "a field of an answer is gone": (
        lambda: calling(lend(answer=without(ANSWER, "due"))),
        "the answer's due is not there, and is needed: breaks readers of 0.1.0",
    ),
    "a type of an answer is changed": (
        lambda: calling(lend(answer={**ANSWER, "due": int})),
        "the answer's due may be integer, and string is read",
    ),
    "an answer may be null": (
        lambda: calling(lend(answer={**ANSWER, "due": str | None})),
        "the answer's due may be null, and string is read",
    ),
    "a field of an answer that the old service does not write": (
        lambda: calling(lend(answer={**ANSWER, "desk": str})),
        "the answer's desk is not there, and is needed where books is still 0.1.0: breaks readers of this tree",
    ),
    "an answer that leaves out defaults": (
        lambda: calling(lend(answer=TELLS_LESS)),
        "the answer's due may be left out, and is needed",
    ),
    "an operation that is called is gone": (
        lambda: release(books(implements={find(): _handle}), readers(calls=[])),
        "lend is gone: breaks readers of 0.1.0",
    ),
    "an operation that is called has moved": (
        lambda: release(books(implements={find(): _handle}), readers(implements={lend(service="readers"): _handle})),
        "lend moved from books to readers",
    ),
    "more rights": (
        lambda: calling(lend(access=Access.ADMIN, route=POST("/lend"))),
        "lend needs other rights: access admin, and it was service",
    ),
    "no longer idempotent": (
        lambda: calling(lend(idempotent=False)),
        "lend is no longer idempotent, and callers repeat it",
    ),
    "an event without a field": (
        lambda: telling(event(fields=without(EVENT, "days"))),
        "its days is not there, and is needed: breaks readers of 0.1.0",
    ),
    "an event of another type": (
        lambda: telling(event(fields={**EVENT, "days": str})),
        "its days may be string, and integer is read: breaks readers of 0.1.0",
    ),
    "an event with a field that waiting ones don't have": (
        lambda: telling(event(fields={**EVENT, "desk": str})),
        "its desk is not there, and is needed in what books of 0.1.0 publish: breaks readers of this tree",
    ),
    "an event that is heard is no longer published": (
        lambda: release(books(publishes=[]), readers(consumes={})),
        "nobody publishes it any more: breaks readers of 0.1.0",
    ),
    "a new version takes the old one's place at once": (
        lambda: telling(V2),
        "readers hears souk.BookLent.v2 instead, and books of 0.1.0 publishes this alone",
    ),
    "a new version is published alone": (
        lambda: telling(V2, heard=(event(), V2)),
        "nobody publishes it any more: breaks readers of 0.1.0",
    ),
    "a new version is heard alone": (
        lambda: telling(event(), V2, heard=(V2,)),
        "readers hears souk.BookLent.v2 instead",
    ),
    "another name": (
        lambda: release(books(label="library"), readers()),
        "it is called library, and it was book-service",
    ),
    "a table is gone": (
        lambda: release(books(owns=[]), readers()),
        "the table Books is no longer its own",
    ),
    "a table has other keys": (
        lambda: release(books(owns=[table(range_key="x")]), readers()),
        "is keyed by ['bookId', 'x']",
    ),
    "an index is gone": (
        lambda: release(books(owns=[table(indexes=())]), readers()),
        "has no index byAge",
    ),
    "a stream is gone": (
        lambda: release(books(owns=[table(streams=False)]), readers()),
        "has no stream any more",
    ),
    "an answer that can't grow": (lambda: calling(lend(answer=REFUSES)), "Loan refuses unknown fields"),
    "a request that swallows": (lambda: calling(lend(SWALLOWS)), "Lend swallows unknown fields"),
}

Gone = ErrorType(ErrorKind.CONFLICT, "gone", "Gone.")
BREAKS_THE_PUBLIC: dict[str, tuple[Callable[[], Release], str, Callable[[], Release]]] = {
    "a route": (
        lambda: answering(find(route=POST("/finds"))),
        "find is no longer POST /books, but POST /finds",
        release,
    ),
    "a method": (
        lambda: answering(find(route=GET("/books"))),
        "find is no longer POST /books, but GET /books",
        release,
    ),
    "rights": (lambda: answering(find(access=Access.CUSTOMER)), "access customer, and it was public", release),
    "an operation": (lambda: release(books(implements={lend(): _handle}), readers()), "find is gone", release),
    "a field of a request": (lambda: answering(find({**REQUEST, "desk": str})), "the request's desk", release),
    "a field of an answer": (lambda: answering(find(answer=without(ANSWER, "due"))), "the answer's due", release),
    "a status": (lambda: answering(find(status=201)), "find answers [201], and it answered [200]", release),
    "a stream": (lambda: answering(find(streams=True)), "find streams its answer", release),
    "an error's kind": (
        lambda: answering(find(errors=[ErrorType(ErrorKind.INVALID, "gone", "Gone.")])),
        "find has the error gone as invalid, and it was conflict",
        lambda: answering(find(errors=[Gone])),
    ),
    "a header": (
        lambda: answering(find()),
        "find takes days from the body, path or query, and took it from Days",
        lambda: answering(find(headers={"days": "Days"})),
    ),
    "a token that was looked at": (
        lambda: answering(find()),
        "find no longer looks at a token",
        lambda: answering(find(token_optional=True)),
    ),
    "a parameter in another place": (
        lambda: answering(find(route=GET("/books"), headers={"days": "days"})),
        "find takes days from days, and took it from the body, path or query",
        lambda: answering(find(route=GET("/books"))),
    ),
}

ADDITIVE: dict[str, Callable[[], Release]] = {
    "nothing": release,
    "an optional field of a request": lambda: calling(lend({**REQUEST, "desk": (str, "")})),
    "a wider bound of a request": lambda: calling(lend({**REQUEST, "book_id": str | int})),
    "a field of an answer with a default": lambda: calling(lend(answer={**ANSWER, "desk": (str, "")})),
    "an error more": lambda: calling(lend(errors=[Gone])),
    "fewer rights": lambda: answering(find()),
    "an optional field of an event": lambda: telling(event(fields={**EVENT, "desk": (str, "")})),
    "both versions of an event": lambda: telling(event(), V2),
    "an event that nobody hears yet": lambda: telling(event(), event("BookLost"), heard=(event(),)),
    "an operation more": lambda: release(
        books(implements={lend(): _handle, find(): _handle, lend(name="prolong"): _handle}), readers()
    ),
    "an index more": lambda: release(
        books(
            owns=[
                table(indexes=(*table().indexes, table().indexes[0].__class__("c", "d", "e"))),
            ]
        ),
        readers(),
    ),
}


@pytest.mark.parametrize("name", BREAKS_SERVICES)
def test_what_would_break_a_service_is_refused_whatever_the_version(name: str) -> None:
    make, words = BREAKS_SERVICES[name]
    new = msgspec.structs.replace(make(), version="1.0.0")
    told = [str(each) for each in found(new) if each.breaks]
    assert any(words in each for each in told), told


@pytest.mark.parametrize("name", BREAKS_THE_PUBLIC)
def test_what_would_break_clients_alone_is_refused_until_the_major_version_rises(name: str) -> None:
    make, words, before = BREAKS_THE_PUBLIC[name]
    old, new = before(), make()
    told = [str(each) for each in found(new, old) if each.breaks]
    assert any(words in each and each.endswith(": breaks clients of the public API") for each in told), told
    assert found(msgspec.structs.replace(new, version="0.2.0"), old)
    assert not [each for each in found(msgspec.structs.replace(new, version="1.0.0"), old) if each.breaks]


@pytest.mark.parametrize("name", ADDITIVE)
def test_what_is_added_passes(name: str) -> None:
    assert [str(each) for each in found(ADDITIVE[name]()) if each.breaks] == []


def test_a_version_of_an_event_is_replaced_in_two_releases() -> None:
    one = event()
    first, both, last = telling(one), telling(one, V2), telling(V2)
    assert found(both, first) == []
    [note] = found(last, both)
    assert (note.breaks, note.what) == (
        "",
        "readers hears souk.BookLent.v2 alone now: let readers-book-lent run empty before it is deployed",
    )
    assert [each for each in found(last, first) if each.breaks]


def test_a_field_of_an_answer_goes_in_two_releases() -> None:
    first = release()
    spared = calling(lend(answer={**ANSWER, "due": (str, "")}))
    last = calling(lend(answer=without(ANSWER, "due")))
    assert [found(new, old) for old, new in ((first, spared), (spared, last))] == [[], []]
    assert found(last, first)


def test_an_operation_that_nobody_calls_any_more_may_go() -> None:
    uncalled = release(books(), readers(calls=[]))
    [note] = found(uncalled)
    assert (note.breaks, note.what) == ("", "deploy readers before books: 0.1.0 still calls lend")
    assert found(release(books(implements={find(): _handle}), readers(calls=[])), uncalled) == []


def test_a_call_of_what_is_not_deployed_yet_is_told_and_passes() -> None:
    prolong = lend(name="prolong")
    new = release(
        books(implements={lend(): _handle, find(): _handle, prolong: _handle}), readers(calls=[lend(), prolong])
    )
    [note] = found(new)
    assert (note.breaks, note.what) == ("", "deploy books before readers: 0.1.0 does not offer prolong")


def test_a_caller_more_is_told_and_passes() -> None:
    """Books of the last release refuse who did not say then that he calls."""
    old = release(books(), readers(calls=[]))
    [note] = found(release(), old)
    assert (note.breaks, note.what) == ("", "deploy books before readers: 0.1.0 does not let it call lend")


def test_what_is_heard_no_more_is_told_and_passes() -> None:
    [note] = found(telling(event(), heard=()))
    assert (note.breaks, note.what) == (
        "",
        "readers no longer hears souk.BookLent.v1: what waits in readers-book-lent is left",
    )


def test_a_new_service_is_no_break() -> None:
    clubs = Service("clubs", "club-service", consumes={event(): HEARS}, parts={Part.EVENTS: Uses(calls=[lend()])})
    assert [each for each in found(_with(clubs)) if each.breaks] == []


def _with(service: Service) -> Release:
    return describe("0.2.0", (books(), readers(), service), {**migrations(), service.name: []})


def test_a_new_value_is_refused_until_it_says_that_nobody_writes_it_yet(tmp_path: Any) -> None:
    old, new = calling(lend(answer={**ANSWER, "state": State})), calling(lend(answer={**ANSWER, "state": _State}))
    folder = tmp_path / "contracts/src/souk_contracts"
    folder.mkdir(parents=True)
    (folder / "books.py").write_text('class State(StrEnum):\n    OPEN = "OPEN"\n    CLOSED = "CLOSED"\n')
    [finding] = found(new, old, Sources(tmp_path))
    assert finding.where == f"{folder}/books.py:3"
    assert finding.what == "lend: the answer's state may be CLOSED, which is not read"
    (folder / "books.py").write_text(f'class State(StrEnum):\n    OPEN = "OPEN"\n    CLOSED = "CLOSED"  {KEPT_BACK}\n')
    assert found(new, old, Sources(tmp_path)) == []
    assert [each.breaks for each in found(old, new)] == ["readers of this tree"]


def test_the_protocol_of_the_chassis_counts_too() -> None:
    old = release()
    envelope = old.protocol["event"]["$defs"]["Envelope_Raw_"]
    changed = {**envelope, "required": [*envelope["required"], "dataschema"]}
    new = msgspec.structs.replace(
        old, protocol={**old.protocol, "event": {**old.protocol["event"], "$defs": {"Envelope_Raw_": changed}}}
    )
    assert any(
        "the event's dataschema is not there, and is needed in what 0.1.0 writes: breaks" in str(each)
        for each in found(new, old)
    )
