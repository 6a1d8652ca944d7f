"""A stand-in for other services: answers calls from a table, and remembers them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from souk_chassis.context import Call
from souk_chassis.operation import AnyOperation


@dataclass(frozen=True, slots=True)
class DispatchedCall:
    """One call that came."""

    operation: AnyOperation
    request: Any
    call: Call


class FakeDispatcher:
    """A `souk_chassis.context.Dispatcher` that answers from `answers`, which a test may change at any time.

    An answer is a value to return, an exception to raise, or a function of the request that gives either. An
    operation that streams is answered by a list of those. A call that the table does not name fails the test with
    AssertionError. `calls` are those that came, in order.
    """

    def __init__(self, answers: Mapping[AnyOperation, Any] | None = None) -> None:
        self.answers: dict[AnyOperation, Any] = dict(answers or {})
        self.calls: list[DispatchedCall] = []

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        return _given(self._answer(operation, request, call), request)

    async def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`."""
        for answer in self._answer(operation, request, call):
            yield _given(answer, request)

    def requests(self, operation: AnyOperation) -> list[Any]:
        """The requests that came for one operation, in order."""
        return [each.request for each in self.calls if each.operation is operation]

    def _answer(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        self.calls.append(DispatchedCall(operation, request, call))
        if operation not in self.answers:
            raise AssertionError(f"{operation.name} was called, and this test has no answer for it")
        return self.answers[operation]


def _given(answer: Any, request: Any) -> Any:
    answer = answer(request) if callable(answer) else answer
    if isinstance(answer, Exception):
        raise answer
    return answer
