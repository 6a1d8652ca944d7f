"""What a gateway reads out of a document."""

from typing import Any

import pytest

from souk_chassis.http.openapi import document
from souk_chassis.http.routing import Entry, Routes, entries
from souk_chassis.http.throttle import DEFAULT
from souk_chassis.operation import GET, POST, Access, Nothing, Operation, Throttle
from souk_chassis.wire import Message


class Thing(Message, frozen=True):
    name: str


def operation(name: str, route: Any, access: Access = Access.PUBLIC, **more: Any) -> Operation[Any, Any]:
    return Operation(name, "things", route, request=Nothing, response=Thing, access=access, summary=name, **more)


def made(*operations: Operation[Any, Any]) -> dict[str, Any]:
    return document(operations, title="Things", version="1", description="Of all kinds.")


def test_every_operation_is_an_entry() -> None:
    seldom = Throttle(0.5, 3)
    found = entries(
        made(
            operation("add_thing", POST("/things"), Access.ADMIN, throttle=seldom),
            operation("list_things", GET("/things")),
            operation("order_thing", POST("/orders"), token_optional=True),
        )
    )
    assert sorted(found) == [
        Entry("add_thing", "POST", "/things", needs_token=True, throttle=seldom, tag="things"),
        Entry("list_things", "GET", "/things", needs_token=False, throttle=DEFAULT, tag="things"),
        Entry("order_thing", "POST", "/orders", needs_token=False, throttle=DEFAULT, tag="things"),
    ]


@pytest.mark.parametrize(
    ("own", "shared", "needed"),
    [
        ([{"bearer": []}], None, True),
        ([{"bearer": []}, {"bearer": []}], None, True),
        ([{}, {"bearer": []}], None, False),
        ([{}], None, False),
        ([], [{"bearer": []}], False),
        (None, [{"bearer": []}], True),
        (None, None, False),
    ],
)
def test_security_is_read_as_openapi_says(own: Any, shared: Any, needed: bool) -> None:
    """An operation's own list replaces the document's; each of its members is a way in."""
    described: dict[str, Any] = {"operationId": "get_thing"} | ({} if own is None else {"security": own})
    content: dict[str, Any] = {"paths": {"/thing": {"get": described}}} | (
        {} if shared is None else {"security": shared}
    )
    content["x-souk-throttle"] = {"ratePerS": 1, "burst": 1}
    [entry] = entries(content)
    assert entry.needs_token is needed


def test_fixed_paths_win_over_those_with_parameters() -> None:
    paths = ("/things/{thingId}", "/things/latest", "/a/{b}", "/a/{b}/c.d", "/z")
    routes = Routes([(path, "GET", path) for path in paths] + [("/z", "DELETE", "delete")])
    for path, template, parameters in (
        ("/things/latest", "/things/latest", {}),
        ("/things/x y", "/things/{thingId}", {"thingId": "x y"}),
        ("/a/1/c.d", "/a/{b}/c.d", {"b": "1"}),
        ("/z", "/z", {}),
    ):
        methods, found = routes.at(path)
        assert (methods["GET"], methods["HEAD"], found) == (template, template, parameters)
    assert sorted(routes.at("/z")[0]) == ["DELETE", "GET", "HEAD"]
    for path in ("", "/", "/things", "/things/", "/things/a/b", "/a/1/cxd", "/z/", "//z"):
        assert routes.at(path) == ({}, {})
