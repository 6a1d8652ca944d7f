"""Values as DynamoDB's attributes, and requests as its API reference has them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.storage.dynamodb.schema import Index, Table
from souk_chassis.storage.dynamodb.values import from_attribute, from_item, to_attribute, to_item
from souk_chassis.storage.dynamodb.writes import check, delete, insert, update

THINGS = Table("Things", "id", "part", indexes=(Index("byAge", "id", "age"),))
plain = st.none() | st.booleans() | st.integers() | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(row=st.dictionaries(st.text(min_size=1), values))
def test_what_was_written_is_read(row: dict[str, Any]) -> None:
    assert from_item(to_item(row)) == row


def test_attributes_have_dynamodbs_form() -> None:
    listed = [{"N": "1"}, {"S": "x"}, {"BOOL": True}, {"NULL": True}]
    assert to_attribute({"a": (1, "x", True, None)}) == {"M": {"a": {"L": listed}}}


@pytest.mark.parametrize("value", [1.5, b"x", {1}, object()])
def test_what_would_come_back_otherwise_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_attribute(value)


@pytest.mark.parametrize("attribute", [{"N": "1.5"}, {"N": "1E3"}, {"B": "eA=="}, {"SS": ["a"]}])
def test_what_we_never_wrote_is_not_read(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        from_attribute(attribute)


def test_an_update_names_everything_by_placeholders() -> None:
    write = update(
        THINGS,
        {"id": "a", "part": "1"},
        sets={"state": "HELD"},
        adds={"units": -2},
        removes=["name"],
        when=[("units", ">=", 2), ("gone", "absent", None)],
    )
    assert write.action == {
        "Update": {
            "TableName": "Things",
            "Key": {"id": {"S": "a"}, "part": {"S": "1"}},
            "UpdateExpression": "SET #n0 = :v0 ADD #n1 :v1 REMOVE #n2",
            "ConditionExpression": "#n1 >= :v2 AND attribute_not_exists(#n3)",
            "ExpressionAttributeNames": {"#n0": "state", "#n1": "units", "#n2": "name", "#n3": "gone"},
            "ExpressionAttributeValues": {":v0": {"S": "HELD"}, ":v1": {"N": "-2"}, ":v2": {"N": "2"}},
        }
    }


def test_the_other_writes() -> None:
    key = {"id": "a", "part": "1"}
    assert insert(THINGS, key).request["ConditionExpression"] == "attribute_not_exists(#n0)"
    assert delete(THINGS, key).request == {"TableName": "Things", "Key": to_item(key)}
    assert check(THINGS, key, [("units", "=", 1)]).action["ConditionCheck"]["ConditionExpression"] == "#n0 = :v0"
    with pytest.raises(ValueError, match="compares nothing"):
        check(THINGS, key, [("units", "~", 1)])


def test_a_table_describes_itself() -> None:
    request = THINGS.create_request()
    assert [each["AttributeName"] for each in request["AttributeDefinitions"]] == ["age", "id", "part"]
    assert request["KeySchema"] == [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "part", "KeyType": "RANGE"},
    ]
    [index] = request["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("byAge", {"ProjectionType": "KEYS_ONLY"})
    assert "GlobalSecondaryIndexes" not in Table("Plain", "id").create_request()
