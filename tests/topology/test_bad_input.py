"""Wrong requests to every route: each is refused as what it is, none is the shop's fault, and none leaves a trace."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from tests.topology.client import ANONYMOUS, Answer, Client, Customer, lines
from tests.topology.rights import right_requests
from tests.topology.running import Shop
from tests.topology.wrong import MAX_BODY, Document, Wrong, wrong_requests

AT_ONCE = 24


async def document_of(shop: Client) -> Document:
    """What the shop says of its routes."""
    return Document((await shop.ask("GET", "/openapi.json")).expect(200))


def faults_of(wrong: Wrong, answer: Answer) -> list[str]:
    """What is not as it should be in the answer to a wrong request."""
    where = f"{wrong.method} {wrong.target[:60]} with {wrong.name}"
    if answer.status not in wrong.statuses:
        return [f"{where}: {answer.status} and not {set(wrong.statuses)}: {answer.body[:200]!r}"]
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"{where}: answered as {answer.headers.get('content-type')}"]
    problem = answer.json
    if not problem.get("code") or problem.get("status") != answer.status or not problem.get("traceId"):
        return [f"{where}: {problem}"]
    named = [error["field"] for error in problem.get("errors", ())]
    if wrong.named is not None and named != [wrong.named]:
        return [f"{where}: names {named} and not {wrong.named}: {problem['detail']}"]
    return []


async def all_faults(shop: Client, wrongs: Sequence[Wrong]) -> list[str]:
    """Make all these requests, many at once. Where a route has too many of them, each is made again when it may."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(wrong: Wrong) -> list[str]:
        while True:
            async with turns:
                data = wrong.payload
                answer = await shop.ask(wrong.method, wrong.target, data=data, headers=wrong.headers, patient=False)
            if answer.status != 429:
                return faults_of(wrong, answer)
            await asyncio.sleep(answer.throttled_s)

    return [fault for faults in await asyncio.gather(*map(ask, wrongs)) for fault in faults]


async def test_every_wrong_request_of_every_route_is_refused_without_a_trace(
    shop: Client, every_topology: Shop, ada: Customer
) -> None:
    document = await document_of(shop)
    rights = await right_requests(shop, ada)
    assert set(rights) == set(document.operations()), "each route needs a right request to make wrong ones from"
    wrongs = [wrong for name, right in rights.items() for wrong in wrong_requests(document, name, right)]
    assert len(wrongs) > 1_000

    before = await every_topology.row_counts()
    faults = await all_faults(shop, wrongs)
    assert not faults, f"{len(faults)} of {len(wrongs)}:\n" + "\n".join(faults[:40])
    assert await every_topology.row_counts() == before

    # Each right request is taken, so that what was refused above was refused for its one fault alone.
    for name, right in rights.items():
        method, template, _ = document.operations()[name]
        answer = await shop.ask(method, template.format_map(right.path), right.body)
        if name.startswith("redrive_"):
            answer.problem(404, "queue_not_found")
        else:
            assert answer.status in {200, 201}, (name, answer)


async def test_the_documents_limits_are_the_designs(shop: Client) -> None:
    lamp = await shop.new_product()
    for quantity in (0, -1, 1_000_001, 10**30):
        asked = await shop.ask("POST", "/orders", {"items": lines((lamp, quantity))})
        asked.problem(422, "invalid_request", "items[0].quantity")
    for bad in ("", "x" * 65, "a b", "a/b", "é", "a\n"):
        asked = await shop.ask("POST", "/orders", {"id": bad, "items": lines((lamp, 1))})
        asked.problem(422, "invalid_request", "id")
    assert await shop.stock(lamp) == 100


async def test_a_body_of_exactly_one_megabyte_is_read(shop: Client) -> None:
    product_id = await shop.new_product()
    content = json.dumps({"name": "Lamp", "price": "7.00"}).encode()
    data = content + b" " * (MAX_BODY - len(content))
    assert (await shop.ask("PUT", f"/products/{product_id}", data=data)).expect(200)["price"] == "7.00"


async def test_cursors_that_no_list_gave(shop: Client) -> None:
    for path in ("/orders", "/products", "/mails"):
        for cursor in ("garbage", "1~", "~", "~x", "9" * 200, "-1~x", "0~0", "00000000-0000-0000-0000-00000000000g"):
            answer = await shop.ask("GET", path, query={"cursor": cursor})
            if answer.status != 200:  # some are well-formed, and stand before or after everything
                answer.problem(422, "invalid_cursor", "cursor")
        (await shop.ask("GET", path, query={"cursor": "garbage"})).problem(422, "invalid_cursor", "cursor")


async def test_other_methods_are_not_allowed(shop: Client) -> None:
    document = await document_of(shop)
    methods_of: dict[str, set[str]] = {}
    for method, path, _ in document.operations().values():
        methods_of.setdefault(path.replace("{", "").replace("}", ""), set()).add(method)
    methods_of |= {path: {"GET"} for path in ("/", "/health", "/ready", "/openapi.json", "/docs", "/mailbox")}
    for path, methods in methods_of.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - methods:
            answer = await shop.ask(method, path)
            answer.problem(405, "method_not_allowed")
            assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == methods


async def test_unknown_routes_are_not_found(shop: Client) -> None:
    paths = ("/nothing", "/orders/", "/orders//cancel", "/orders/a/b/c", "/products/", "//", "/%00", "/%ff", "/docs/")
    for path in (*paths, "/operations/quote", "/queues", "/queues/nobody", "/books", "/static", "/ORDERS"):
        for method in ("GET", "POST", "DELETE"):
            (await shop.ask(method, path)).problem(404, "no_such_route")


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/", "/static/%00", f"/static/{'x' * 300}"])
async def test_a_file_that_is_not_there(shop: Client, path: str) -> None:
    (await shop.ask("GET", path, token=ANONYMOUS)).problem(404, "no_such_route")
    refused = await shop.ask("POST", path, token=ANONYMOUS)
    refused.problem(405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("way", ["/static/../", "/static/%2e%2e/", "/static/..%2f", "/static/swagger/%2e%2e/%2e%2e/"])
async def test_files_outside_of_the_pages_are_not_served(shop: Client, way: str) -> None:
    for file in ("pyproject.toml", "README.md", "storefront/index.html"):
        (await shop.ask("GET", way + file, token=ANONYMOUS)).problem(404, "no_such_route")
