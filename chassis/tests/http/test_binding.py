"""Binding: which part of a request fills which field, and that no input whatever breaks it."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.http.binding import Binding
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.ids import Id
from souk_chassis.money import Money
from souk_chassis.operation import GET, POST, PUT, Access, AnyOperation, Nothing, Operation, Route
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.text import LongText, Query, ShortText
from souk_chassis.wire import Message


class Line(Message, frozen=True, kw_only=True):
    product_id: Id
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1


class Order(Message, frozen=True, kw_only=True):
    order_id: Id
    lines: tuple[Line, ...]
    total: Money | None = None
    note: LongText = ""
    key: ShortText | None = None


class Search(Message, frozen=True, kw_only=True):
    shop: Id
    q: Query = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    deep: bool = False
    above: Money | None = None


def bound(route: Route, request: Any, **more: Any) -> Binding:
    operation: AnyOperation = Operation(
        "try_it", "tests", route, request=request, response=Nothing, access=Access.PUBLIC, summary="Try", **more
    )
    return Binding(operation)


PLACE = bound(POST("/orders"), Order)
PUT_ORDER = bound(PUT("/orders/{orderId}"), Order, headers={"key": "Idempotency-Key"})
SEARCH = bound(GET("/shops/{shop}"), Search)
LOOK = bound(GET("/look"), Nothing)
LINES = b'"lines": [{"productId": "p1", "quantity": 2}]'


def test_a_body_is_the_whole_request_where_nothing_else_is_named() -> None:
    order = PLACE.read({}, b"", {}, b'{"orderId": "o1", ' + LINES + b', "total": 2.55}')
    assert order == Order(order_id="o1", lines=(Line(product_id="p1", quantity=2),), total=Money(255))


def test_path_header_and_body_make_one_request() -> None:
    order = PUT_ORDER.read({"orderId": "o1"}, b"", {"idempotency-key": "k1"}, b"{" + LINES + b"}")
    assert order == Order(order_id="o1", lines=(Line(product_id="p1", quantity=2),), key="k1")
    assert PUT_ORDER.read({"orderId": "o1"}, b"", {}, b"{" + LINES + b"}").key is None


def test_a_query_is_read_by_type() -> None:
    search = SEARCH.read({"shop": "s1"}, b"q=red%20tea+pot&limit=7&deep=true&above=2.5", {}, b"")
    assert search == Search(shop="s1", q="red tea pot", limit=7, deep=True, above=Money(250))
    assert SEARCH.read({"shop": "s1"}, b"", {}, b"") == Search(shop="s1")
    assert SEARCH.read({"shop": "s1"}, b"q=", {}, b"") == Search(shop="s1", q="")


def test_the_path_may_not_be_contradicted() -> None:
    for body in (b'{"orderId": "o2", ' + LINES + b"}", b'{"key": "k2", ' + LINES + b"}"):
        with pytest.raises(SoukError) as caught:
            PUT_ORDER.read({"orderId": "o1"}, b"", {}, body)
        assert caught.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("binding", "query", "body", "field"),
    [
        (PLACE, b"", b'{"orderId": "o1", "lines": [{"productId": "p1", "quantity": 0}]}', "lines[0].quantity"),
        (PLACE, b"", b'{"orderId": "o1", "lines": [{}]}', "lines[0].productId"),
        (PLACE, b"", b'{"orderId": "o1", "lines": [{"productId": "p", "color": 1}]}', "lines[0].color"),
        (PLACE, b"", b'{"orderId": "o1", ' + LINES + b', "total": "two"}', "total"),
        (PLACE, b"total=1", b"{}", "query"),
        (SEARCH, b"limit=many", b"", "limit"),
        (SEARCH, b"color=red", b"", "color"),
        (SEARCH, b"q=a&q=b", b"", "q"),
        (SEARCH, b"", b'{"q": "a"}', "q"),
    ],
)
def test_a_refusal_names_the_field(binding: Binding, query: bytes, body: bytes, field: str) -> None:
    with pytest.raises(SoukError) as caught:
        binding.read({"shop": "s1"} if binding is SEARCH else {}, query, {}, body)
    assert list(caught.value.fields) == [field]


def test_a_path_names_fields_that_exist() -> None:
    with pytest.raises(ValueError, match="shopId"):
        bound(GET("/shops/{shopId}"), Search)
    with pytest.raises(ValueError, match="no public route"):
        Binding(Operation("x", "x", None, request=Order, response=Order, access=Access.SERVICE, summary="x"))


some_bytes = st.binary(max_size=300) | st.sampled_from([b"{}", b"[[", b'{"orderId": "\\ud800"}', b"a=%ff", b"&&=;"])
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(["orderId", "lines", "total", "note", "key", "shop", "q", "limit", "deep", "above"])
near_json = st.dictionaries(fields, json_like, max_size=5).map(lambda value: msgspec.json.encode(value))
near_query = st.lists(st.tuples(fields, st.text(max_size=20)), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode()
)
path = st.fixed_dictionaries({"orderId": st.text(max_size=70), "shop": st.text(max_size=70)})


@given(
    binding=st.sampled_from([PLACE, PUT_ORDER, SEARCH, LOOK]),
    path=path,
    query=some_bytes | near_query | st.just(b""),
    header=st.none() | st.binary(max_size=50).map(lambda value: value.decode("latin-1")),
    body=some_bytes | near_json | st.just(b""),
)
@example(binding=PLACE, path={}, query=b"", header=None, body=b"[" * 100_000)
@example(binding=PLACE, path={}, query=b"", header=None, body=b'{"lines":' * 5_000)
@example(binding=PLACE, path={}, query=b"", header=None, body=b'{"total":' + b"9" * 5_000 + b"}")
@example(binding=PLACE, path={}, query=b"", header=None, body=b'{"total": 1e400}')
@example(binding=SEARCH, path={"shop": "s"}, query=b"limit=" + b"9" * 5_000, header=None, body=b"")
@example(binding=LOOK, path={}, query=b"", header=None, body=b'{"a":' * 5_000)
def test_no_request_breaks_the_binding(
    binding: Binding, path: dict[str, str], query: bytes, header: str | None, body: bytes
) -> None:
    names = binding.operation.route.parameters if binding.operation.route else ()
    headers = {} if header is None else {"idempotency-key": header}
    try:
        request = binding.read({name: path.get(name, "x") for name in names}, query, headers, body)
    except (SoukError, EdgeError) as error:
        status, _, content = render(error, TRACEPARENT)
        assert status in {400, 414, 422}
        assert msgspec.json.decode(content)["status"] == status
    else:
        assert isinstance(request, binding.operation.request)
