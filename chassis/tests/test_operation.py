"""Operations: a declaration that contradicts itself is no operation."""

from typing import Any

import pytest

from souk_chassis.operation import DELETE, GET, PATCH, POST, PUT, Access, Nothing, Operation, Route


def declare(name: str, route: Route | None, access: Access) -> Any:
    return Operation(name, "tests", route, request=Nothing, response=Nothing, access=access, summary="Try")


def test_routes_know_their_parameters() -> None:
    made = [make("/a") for make in (GET, POST, PUT, PATCH, DELETE)]
    assert [route.method for route in made] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert [route.method for route in made if route.in_query] == ["GET", "DELETE"]
    assert GET("/a/{b}/c/{dE}").parameters == ("b", "dE")
    assert GET("/a").parameters == ()


@pytest.mark.parametrize("name", ["", "GetIt", "get-it", "1st", "get it"])
def test_names_are_in_snake_case(name: str) -> None:
    with pytest.raises(ValueError, match="snake_case"):
        declare(name, GET("/a"), Access.PUBLIC)


@pytest.mark.parametrize(("route", "access"), [(None, Access.PUBLIC), (GET("/a"), Access.SERVICE)])
def test_what_is_for_services_has_no_public_route(route: Route | None, access: Access) -> None:
    with pytest.raises(ValueError, match="never both"):
        declare("get_it", route, access)


def test_what_a_path_names_is_a_field_of_the_request() -> None:
    with pytest.raises(ValueError, match=r"its path has \{orderId\}, and its request no such field"):
        declare("get_it", GET("/orders/{orderId}"), Access.PUBLIC)


def test_operations_are_told_apart_as_objects() -> None:
    one, other = [declare("get_it", GET("/a"), Access.PUBLIC) for _ in range(2)]
    assert one != other
    assert {one: 1, other: 2}[one] == 1
