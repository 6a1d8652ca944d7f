"""Tables that write down who does what with them, and show a stream what was put into them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from souk_chassis.testing.dynamodb_model import DynamoModel

_TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
running: ContextVar[tuple[str, str]] = ContextVar("running", default=("", ""))
"""The service and the part whose function is at work."""

Used = dict[tuple[str, str], set[tuple[str, str]]]
"""What each function (service, part) did: (table, action) pairs."""


class WatchedTables:
    """The model, as a client that writes down who does what, and shows a table's stream what was put into it."""

    def __init__(self, model: DynamoModel, shown: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.model = model
        self.used: Used = defaultdict(set)
        self._shown = shown

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`."""
        actions = list(actions_of(operation, request))
        self.used[running.get()].update((table, action) for table, action, _ in actions)
        answer = await self.model.call(operation, request)
        for table, action, item in actions:
            if action == "PutItem" and item is not None:
                self._shown(table, item)
        return answer

    async def close(self) -> None:
        """See `DynamoClient`."""


def actions_of(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(table, IAM action, item) of a call: of what a transaction does, not of the transaction, as IAM has it. An action
    on an index names it: `Query:byTime`."""
    if "TransactItems" in request:
        for each in request["TransactItems"]:
            [(kind, inner)] = each.items()
            yield inner["TableName"], _TRANSACTED[kind], inner.get("Item")
    elif "RequestItems" in request:
        for table in request["RequestItems"]:
            yield table, operation, None
    else:
        index = f":{request['IndexName']}" if "IndexName" in request else ""
        yield request["TableName"], operation + index, request.get("Item")
