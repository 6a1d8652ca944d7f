"""The gateway against requests made from its own document, by schemathesis: what it says of itself is true."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from souk_topologies.places import DataDir
from tests.topology.client import Client, guest_order
from tests.topology.running import Shop, clean_environment

SEED = 20101201
EXAMPLES = 5
"""Random requests of each kind for each operation, beside the corner cases of the document: about a thousand in all."""
PHASES = {"administrator": "examples,coverage,fuzzing", "nobody": "coverage"}
"""Without a token nearly all is refused before it is read: the corner cases are enough."""
REPORT_CHARACTERS = 8_000
READ_FROM = "/openapi.json"
"""Where schemathesis reads the document; it leaves out that one route."""

# All of schemathesis' checks are on, which is its default: named on its command line they would hide these exceptions.
# One is off, where a schema can't say all that a request must fulfil: what fits the schema is refused all the
# same. Everywhere else it is on.
BEYOND_THE_SCHEMA = {
    "/books/payments": "the cursor is opaque, and must be one that the list gave",
    "/mails": "as above",
    "/orders": "as above; a product must exist, and a total must be the sum",
    "/products": "as above",
    "/products/{productId}": "the currency must be the shop's, and the price at least 0.01",
    "/sessions": "the password must be the right one, and after ten wrong ones it must be later",
}
# OpenAPI 3.0 can only call a stream of events a text, while schemathesis compares each event; `test_following.py` reads
# them. The other checks of that route are on: the order that it is tried with has ended, and so does its stream.
STREAMS = ("/orders/{orderId}/events",)
SELDOM = {"/sessions": "15/s", "/users": "15/s"}
"""What hashes passwords has a low limit, and 429 is tried elsewhere."""
CONFIG = """
[parameters]
"path.orderId" = {order_id}
"path.productId" = {product_id}
"path.userId" = {user_id}
"path.queue" = "orders-stock-reserved"
"""
OPERATION = """
[[operations]]
include-path = {path}
"""


@pytest.fixture
async def config(quiet: Client, tmp_path: Path) -> Path:
    """Where schemathesis finds objects that exist. The order has ended, and so has its stream of events."""
    lamp = await quiet.new_product("2.50", 1_000)
    order = await quiet.confirmed(guest_order((lamp, 5)))
    customer = await quiet.new_customer()
    ids = {"order_id": order["orderId"], "product_id": lamp, "user_id": customer.user_id}
    text = CONFIG.format_map({name: json.dumps(value) for name, value in ids.items()})
    settings = [(path, "checks.positive_data_acceptance.enabled = false") for path in BEYOND_THE_SCHEMA]
    settings += [(path, "checks.response_schema_conformance.enabled = false") for path in STREAMS]
    settings += [(path, f'rate-limit = "{rate}"') for path, rate in SELDOM.items()]
    for path in dict(settings):  # one table each: of two the first would count
        text += OPERATION.format(path=json.dumps(path)) + "\n".join(line for of, line in settings if of == path) + "\n"
    file = tmp_path / "schemathesis.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("who", [pytest.param(who, marks=pytest.mark.xdist_group(f"fuzz-{who}")) for who in PHASES])
async def test_no_request_finds_the_document_untrue(
    quiet_shop: Shop, quiet: Client, config: Path, tmp_path: Path, who: str
) -> None:
    log = DataDir(quiet_shop.folder).log
    logged_before = log.stat().st_size
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
    command += [f"{quiet_shop.url}{READ_FROM}", "--phases", PHASES[who]]
    # One worker: CPython 3.11 fails where two threads parse Python at once (gh-106905), as Hypothesis does.
    command += ["--seed", str(SEED), "--max-examples", str(EXAMPLES), "--workers", "1", "--continue-on-failure"]
    command += ["--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "20"]
    command += ["--header", f"Authorization: Bearer {quiet_shop.admin}"] if who == "administrator" else []
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=110, env=clean_environment(), cwd=tmp_path, check=False
    )
    assert ended.returncode == 0, ended.stdout[-REPORT_CHARACTERS:] + ended.stderr[-REPORT_CHARACTERS:]
    document = (await quiet.ask("GET", "/openapi.json")).expect(200)
    count = sum(len(methods) for path, methods in document["paths"].items() if path != READ_FROM)
    assert f"Tested: {count}" in ended.stdout, ended.stdout[-REPORT_CHARACTERS:]
    with log.open("rb") as file:
        file.seek(logged_before)
        logged = file.read().decode(errors="replace")
    assert "unforeseen failure" not in logged, logged[-REPORT_CHARACTERS:]
    quiet_shop.audit()
