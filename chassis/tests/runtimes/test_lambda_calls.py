"""Calls between functions: who may, how long it may take, and how a failure comes back."""

from typing import Any

import msgspec
import pytest

from souk_chassis.auth.identity import Caller, Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.aws.functions import Invoked
from souk_chassis.context import Call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import ErrorKind, SoukError, conflict, too_many
from souk_chassis.operation import Access, AnyOperation, Created, Operation
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_calls import CallsFunction, InvokingDispatcher
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.wire import Message


class Book(Message, frozen=True, kw_only=True):
    book_id: str


Lend: AnyOperation = Operation(
    "lend", "books", None, request=Book, response=Book, access=Access.SERVICE, summary="Lend", idempotent=True
)


class Region:
    """The way to one function, which remembers what it was asked."""

    def __init__(self, function: CallsFunction) -> None:
        self.function = function
        self.asked: list[tuple[dict[str, Any], float]] = []
        self.answer: Invoked | None = None

    async def invoke(self, function: str, payload: bytes, *, timeout_s: float) -> Invoked:
        assert function == "book-service-calls"
        self.asked.append((msgspec.json.decode(payload), timeout_s))
        if self.answer is not None:
            return self.answer
        return Invoked(msgspec.json.encode(await self.function(self.asked[-1][0], Deadline.after(10.0))))


@pytest.fixture(scope="module")
def keys() -> dict[str, SigningKey]:
    return {issuer: new_key(issuer) for issuer in ("readers", "others")}


@pytest.fixture
def failures() -> list[Exception]:
    return []


@pytest.fixture
def region(make_instance: Any, keys: dict[str, SigningKey], failures: list[Exception]) -> Region:
    async def lend(ctx: Any, request: Book) -> Any:
        assert 0 < ctx.call_info.deadline.remaining_s <= 5.0
        assert ctx.identity == Identity(Role.CUSTOMER, "u1")
        if failures:
            raise failures[0]
        return Created(request) if request.book_id == "new" else request

    instance: Instance = make_instance(name="books", implements={Lend: lend})
    local = LocalDispatcher({"lend": ["readers"]})
    local.bind(instance, FakeDispatcher())
    public = PublicKeys({issuer: key.private.public_key() for issuer, key in keys.items()})
    return Region(CallsFunction([Lend], local, TokenVerifier(public, "books"), instance.log))


async def call(region: Region, key: SigningKey, book_id: str = "b1", s: float = 5.0) -> Any:
    way = InvokingDispatcher(region, {"books": "book-service-calls"}, CallTokens(key))  # type: ignore[arg-type]
    caller = Caller(Identity(Role.CUSTOMER, "u1"), key.issuer)
    return await way.dispatch(Lend, Book(book_id=book_id), Call(caller, TRACEPARENT, Deadline.after(s)))


async def refusal(region: Region, key: SigningKey, **how: Any) -> SoukError:
    with pytest.raises(SoukError) as raised:
        await call(region, key, **how)
    return raised.value


async def test_a_call_is_answered_within_its_callers_time(region: Region, keys: dict[str, SigningKey]) -> None:
    assert await call(region, keys["readers"]) == Book(book_id="b1")
    [(message, timeout_s)] = region.asked
    assert 4.0 < message["deadlineMs"] / 1000 <= timeout_s <= 5.0
    assert await call(region, keys["readers"], "new") == Created(Book(book_id="new"))


async def test_one_whose_manifest_does_not_declare_the_call_is_refused(region: Region, keys: Any) -> None:
    error = await refusal(region, keys["others"])
    assert (error.kind, error.code) == (ErrorKind.FORBIDDEN, "not_allowed")


async def test_a_token_for_another_or_for_nobody_is_refused(region: Region, keys: dict[str, SigningKey]) -> None:
    await call(region, keys["readers"])
    for token in (CallTokens(keys["readers"]).token(Identity(Role.ANONYMOUS), "elsewhere"), "nonsense"):
        answer = await region.function({**region.asked[0][0], "token": token}, Deadline.after(5.0))
        assert (answer["status"], '"invalid_token"' in answer["body"]) == (401, True)


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"operation": "steal"}, 503), ({"request": "{"}, 400), ({"request": "{}"}, 422), ({"deadlineMs": "x"}, 422),
     ({"deadlineMs": -1}, 503), ({"traceparent": "odd"}, 201)],
)  # fmt: skip
async def test_what_is_wrong_with_a_message(region: Region, keys: Any, changed: dict[str, Any], status: int) -> None:
    await call(region, keys["readers"], "new")
    assert (await region.function({**region.asked[0][0], **changed}, Deadline.after(5.0)))["status"] == status


async def test_problems_come_back_as_they_were_raised(region: Region, keys: Any, failures: list[Exception]) -> None:
    failures[:] = [too_many("busy", "Busy.", retry_after_s=7.0)]
    error = await refusal(region, keys["readers"])
    assert (error.kind, error.code, error.retry_after_s) == (ErrorKind.TOO_MANY, "busy", 7.0)
    failures[:] = [conflict("lent", "Lent.", book_id="b1")]
    error = await refusal(region, keys["readers"])
    assert (error.kind, error.fields) == (ErrorKind.CONFLICT, {"book_id": "b1"})
    failures[:] = [ZeroDivisionError()]
    assert (await refusal(region, keys["readers"])).kind is ErrorKind.TIMEOUT_UNKNOWN


@pytest.mark.parametrize("answer", [Invoked(b'{"errorType":"X"}', "Unhandled"), Invoked(b"{"), Invoked(b"null")])
async def test_a_function_that_broke_off_may_have_done_it(region: Region, keys: Any, answer: Invoked) -> None:
    region.answer = answer
    assert (await refusal(region, keys["readers"])).kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_nothing_is_sent_without_time(region: Region, keys: dict[str, SigningKey]) -> None:
    assert (await refusal(region, keys["readers"], s=0.0)).code == "deadline_exceeded"
    assert region.asked == []
