"""What the gateway says of itself: its document, its pages, its keys, its health."""

import json

import pytest

from souk_topologies.shop import SERVICES
from tests.topology.client import ANONYMOUS, Client
from tests.topology.running import Finished, Running, souk


@pytest.fixture(scope="session")
def rendered() -> Finished:
    """What the command says of the API."""
    return souk("render", "openapi")


async def test_the_document_is_what_the_command_renders(shop: Client, rendered: Finished) -> None:
    assert rendered.status == 0, rendered.err
    shown = await shop.ask("GET", "/openapi.json", token=ANONYMOUS)
    assert shown.expect(200) == json.loads(rendered.out)
    assert shown.body == rendered.out.encode()
    assert shown.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "/mailbox", "/docs"])
async def test_pages_are_there(shop: Client, path: str) -> None:
    page = await shop.ask("GET", path, token=ANONYMOUS)
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert b"<!doctype html>" in page.body[:200].lower()


async def test_health_and_readiness(shop: Client) -> None:
    assert (await shop.ask("GET", "/health", token=ANONYMOUS)).expect(200) == {"status": "ok"}
    assert (await shop.ask("GET", "/ready", token=ANONYMOUS)).expect(200) == {"status": "ready", "missing": {}}


async def test_keys_are_public_halves_alone(shop: Client) -> None:
    keys = (await shop.ask("GET", "/.well-known/jwks.json", token=ANONYMOUS)).expect(200)["keys"]
    assert {key["kid"] for key in keys} >= {*SERVICES, "operator"}
    for key in keys:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
        assert "d" not in key


async def test_a_head_request_has_the_headers_alone(shop: Client, every_topology: Running) -> None:
    for path in (f"/products/{await shop.new_product()}", "/health", "/openapi.json", "/"):
        head, get = await shop.ask("HEAD", path), await shop.ask("GET", path)
        assert (head.status, head.body, head.headers["content-type"]) == (200, b"", get.headers["content-type"])
        if not every_topology.has_authorizer:  # elsewhere the length is API Gateway's to say
            assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


async def test_a_trace_is_carried_into_the_answer(shop: Client) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    problem = (await shop.ask("GET", "/products/nothing", headers=headers)).problem(404, "product_not_found")
    assert problem["traceId"] == trace_id
