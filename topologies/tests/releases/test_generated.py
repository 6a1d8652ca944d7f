"""The shop's own contracts with a change made up anywhere in them: what is additive passes, what breaks is refused."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from souk_topologies.releases.comparison import findings
from souk_topologies.releases.forms import WRITTEN, Form
from souk_topologies.releases.model import Release
from topologies.tests.releases.conftest import LAST
from topologies.tests.releases.lending import NOWHERE

HEARD = [name for name, event in LAST.events.items() if event.heard_by and event.published_by]
ASKED = [name for name, operation in LAST.operations.items() if operation.callers or operation.route]
NEW_FIELD = "somethingNew"
Change = Callable[[Form, st.DataObject], None]


def _field(form: Form, data: st.DataObject) -> str:
    return data.draw(st.sampled_from(sorted(form["properties"])))


def drop(form: Form, data: st.DataObject) -> None:
    """A field is gone."""
    name = data.draw(st.sampled_from(sorted(form["required"] or form["properties"])))
    del form["properties"][name]
    for key in ("required", WRITTEN):
        form[key] = [each for each in form[key] if each != name]


def retype(form: Form, data: st.DataObject) -> None:
    """A field is of a type that no field has."""
    form["properties"][_field(form, data)] = {"type": "array", "items": {"type": "boolean"}}


def spare(form: Form, data: st.DataObject) -> None:
    """A field that readers need is no longer always written."""
    name = data.draw(st.sampled_from(sorted(form["required"])))
    form[WRITTEN] = [each for each in form[WRITTEN] if each != name]


def need(form: Form, data: st.DataObject) -> None:
    """There is a field more, and a reader misses it."""
    form["properties"][NEW_FIELD] = {"type": "string"}
    form["required"] = [*form["required"], NEW_FIELD]
    form[WRITTEN] = [*form[WRITTEN], NEW_FIELD]


def write(form: Form, data: st.DataObject) -> None:
    """There is a field more, which is always written, and nobody needs."""
    form["properties"][NEW_FIELD] = {"type": "string", "default": ""}
    form[WRITTEN] = [*form[WRITTEN], NEW_FIELD]


def offer(form: Form, data: st.DataObject) -> None:
    """There is a field more, which is written where it is used."""
    form["properties"][NEW_FIELD] = {"type": "string", "default": ""}


def broken(form: Form, change: Change, data: st.DataObject) -> Form | None:
    """The form with a change in one of its structs; None where none is made so that it can be changed."""
    form = copy.deepcopy(form)
    structs = [each for each in form.get("$defs", {}).values() if each.get("properties") and each.get("required")]
    if not structs:
        return None
    change(data.draw(st.sampled_from(structs)), data)
    return form


def breaks(new: Release) -> list[str]:
    return [str(each) for each in findings(LAST, new, {}, NOWHERE) if each.breaks]


def with_event(name: str, form: Form) -> Release:
    return replace(LAST, events={**LAST.events, name: replace(LAST.events[name], data=form)})


def with_operation(name: str, **changed: Any) -> Release:
    return replace(LAST, operations={**LAST.operations, name: replace(LAST.operations[name], **changed)})


@settings(max_examples=40)
@given(name=st.sampled_from(HEARD), change=st.sampled_from([drop, retype, spare, need, write, offer]), data=st.data())
def test_a_change_of_an_event(name: str, change: Change, data: st.DataObject) -> None:
    form = broken(LAST.events[name].data, change, data)
    assert form is not None
    assert bool(breaks(with_event(name, form))) is (change in {drop, retype, spare, need})


@settings(max_examples=40)
@given(name=st.sampled_from(ASKED), change=st.sampled_from([drop, retype, spare, write, offer]), data=st.data())
def test_a_change_of_an_answer(name: str, change: Change, data: st.DataObject) -> None:
    form = broken(LAST.operations[name].response, change, data)
    if form is not None:
        assert bool(breaks(with_operation(name, response=form))) is (change in {drop, retype, spare})


@settings(max_examples=40)
@given(name=st.sampled_from(ASKED), change=st.sampled_from([drop, retype, need, offer]), data=st.data())
def test_a_change_of_a_request(name: str, change: Change, data: st.DataObject) -> None:
    form = broken(LAST.operations[name].request, change, data)
    if form is not None:
        assert bool(breaks(with_operation(name, request=form))) is (change in {drop, retype, need})


@pytest.mark.parametrize("name", [name for name in ASKED if LAST.operations[name].callers])
def test_an_answer_to_a_service_needs_what_the_old_one_writes(name: str) -> None:
    form = copy.deepcopy(LAST.operations[name].response)
    for struct in form["$defs"].values():
        if WRITTEN in struct:
            need(struct, None)  # type: ignore[arg-type] # it draws nothing
    assert breaks(with_operation(name, response=form))
