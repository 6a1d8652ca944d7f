"""OpenAPI: a valid 3.0 document that says of each operation what its endpoint does."""

import importlib
import pkgutil
from typing import Annotated, Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

import souk_contracts
from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.http.openapi import document
from souk_chassis.ids import Id
from souk_chassis.money import Money
from souk_chassis.operation import GET, POST, Access, AnyOperation, Nothing, Operation, Throttle
from souk_chassis.wire import Message

Taken = ErrorType(ErrorKind.CONFLICT, "taken", "Somebody has it.")


class NewThing(Message, frozen=True, kw_only=True):
    shop: Id
    key: str | None = None
    price: Money
    kind: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$", examples=["red"])] = "plain"
    other: "NewThing | None" = None


class Thing(Message, frozen=True, kw_only=True):
    thing_id: str
    shipped: bool | None


class Query(Message, frozen=True, kw_only=True):
    shop: Id
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    above: Money | None = None


def operation(name: str, route: Any, request: Any, access: Access = Access.PUBLIC, **more: Any) -> AnyOperation:
    return Operation(name, "things", route, request=request, response=Thing, access=access, summary=name, **more)


OPERATIONS = [
    operation(
        "add_thing",
        POST("/shops/{shop}/things"),
        NewThing,
        Access.CUSTOMER,
        status=201,
        headers={"key": "Idempotency-Key"},
        location="/things/{thingId}",
        errors=[Taken],
    ),
    operation("list_things", GET("/shops/{shop}/things"), Query),
    operation("watch_things", GET("/shops/{shop}/events"), Query, streams=True),
    operation("internal_thing", None, Nothing, Access.SERVICE),
]


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return document(OPERATIONS, title="Things", version="1", description="Of all kinds.")


def contract_operations() -> list[AnyOperation]:
    """Every operation that the contracts declare."""
    modules = [
        importlib.import_module(f"souk_contracts.{module.name}")
        for module in pkgutil.iter_modules(souk_contracts.__path__)
    ]
    found = {value.name: value for module in modules for value in vars(module).values() if isinstance(value, Operation)}
    return list(found.values())


def test_it_is_valid(small: dict[str, Any]) -> None:
    OpenAPIV30SpecValidator(small).validate()


def test_the_contracts_make_a_valid_document_with_every_public_operation() -> None:
    operations = contract_operations()
    made = document(operations, title="Souk", version="1", description="The shop.")
    OpenAPIV30SpecValidator(made).validate()
    described = {
        (path, method): entry["operationId"]
        for path, methods in made["paths"].items()
        for method, entry in methods.items()
    }
    public = {(op.route.path, op.route.method.lower()): op.name for op in operations if op.route is not None}
    assert described == public
    assert len(public) >= 15


def test_each_input_stands_where_it_is_read(small: dict[str, Any]) -> None:
    added = small["paths"]["/shops/{shop}/things"]["post"]
    assert [(p["name"], p["in"], p["required"]) for p in added["parameters"]] == [
        ("shop", "path", True),
        ("Idempotency-Key", "header", False),
    ]
    [content] = added["requestBody"]["content"].values()
    body = small["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    assert set(body["properties"]) == {"price", "kind", "other"}
    assert body["required"] == ["price"]
    listed = small["paths"]["/shops/{shop}/things"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in listed["parameters"]] == [
        ("shop", "path", True),
        ("limit", "query", False),
        ("above", "query", False),
    ]
    assert "requestBody" not in listed


def test_each_answer_is_described(small: dict[str, Any]) -> None:
    added = small["paths"]["/shops/{shop}/things"]["post"]["responses"]
    assert "Location" in added["201"]["headers"]
    assert "`taken`: Somebody has it." in added["409"]["description"]
    assert set(added) >= {"201", "400", "401", "403", "409", "413", "422", "429", "503", "504"}
    for status, answer in added.items():
        assert list(answer["content"]) == ["application/json" if status < "400" else "application/problem+json"]
    watched = small["paths"]["/shops/{shop}/events"]["get"]["responses"]["200"]
    assert list(watched["content"]) == ["text/event-stream"]


def test_access_is_described(small: dict[str, Any]) -> None:
    things = small["paths"]["/shops/{shop}/things"]
    assert (things["post"]["security"], things["get"]["security"]) == ([{"bearer": []}], [{}])
    assert (things["post"]["x-souk-access"], things["get"]["x-souk-access"]) == ("customer", "public")


def test_it_speaks_the_dialect_of_3_0(small: dict[str, Any]) -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | set().union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    assert keys(small).isdisjoint({"const", "examples", "$defs"})
    schemas = small["components"]["schemas"]
    assert schemas["Thing"]["properties"]["shipped"] == {"type": "boolean", "nullable": True}
    kind = next(schema for name, schema in schemas.items() if "kind" in schema.get("properties", {}))
    assert kind["properties"]["kind"]["example"] == "red"
    assert "\x00" not in str(small)


def test_null_is_one_of_several_types_where_there_are_several() -> None:
    """`nullable` says nothing but beside a `type`; and a parameter is left out, not null."""

    class Change(Message, frozen=True):
        price: Money | None = None

    changed = operation("change_thing", POST("/things"), Change)
    listed = operation("list_things", GET("/shops/{shop}/things"), Query)
    made = document([changed, listed], title="Things", version="1", description="")
    prices = made["components"]["schemas"]["Change"]["properties"]["price"]
    assert "nullable" not in prices
    assert [choice.get("nullable", False) for choice in prices["oneOf"]] == [True, False]
    [above] = [p["schema"] for p in made["paths"]["/shops/{shop}/things"]["get"]["parameters"] if p["name"] == "above"]
    assert "nullable" not in str(above)


def test_throttles_are_described() -> None:
    seldom = operation("add_thing", POST("/things"), Nothing, throttle=Throttle(0.5, 3))
    often = operation("list_things", GET("/things"), Nothing)
    made = document([seldom, often], title="Things", version="1", description="")
    assert made["x-souk-throttle"] == {"ratePerS": 10_000.0, "burst": 5_000}
    assert made["paths"]["/things"]["post"]["x-souk-throttle"] == {"ratePerS": 0.5, "burst": 3}
    assert "x-souk-throttle" not in made["paths"]["/things"]["get"]
