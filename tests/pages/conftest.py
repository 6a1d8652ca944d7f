"""A running shop and a real browser for the tests of the pages. What is missing fails a test: nothing is skipped."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    APIRequestContext,
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from souk_chassis.hosts.listening import free_port

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",  # a container's user may have no right to the sandbox; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_TIMEOUT_S = 120
EVENTUALLY_S = 20
PRODUCTS = {
    "lantern": ("White metal lantern", "3.39", 1000),
    "mug": ("Retro coffee mug", "0.10", 1000),
    "jigsaw": ("Circus jigsaw puzzle", "0.20", 1000),
    "vase": ("Rare vase", "1200.00", 2),
    "gone": ("Sold out parasol", "4.95", 0),
    "sharp": ("<img src=x onerror=document.title='owned'>", "1.00", 1000),
}
MANY = 30

PutProduct = Callable[[str, str, str, int], None]


@pytest.fixture(scope="session")
def shop_folder() -> Iterator[Path]:
    """The shop's data directory: short, for the socket in it, and open to the database's own user."""
    folder = Path(tempfile.mkdtemp(prefix="souk-pages-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shop_url(shop_folder: Path) -> Iterator[str]:
    """A shop that runs as long as the tests do."""
    port = free_port()
    data = ("--data-dir", str(shop_folder / "data"))
    _souk("up", "--detach", "--empty", "--port", str(port), *data)
    yield f"http://localhost:{port}"
    _souk("down", *data)


@pytest.fixture(scope="session")
def admin_token(shop_url: str, shop_folder: Path) -> str:
    """A token that may read and change everything."""
    return _souk("token", "--admin", "--data-dir", str(shop_folder / "data")).strip()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def admin(playwright: Playwright, shop_url: str, admin_token: str) -> Iterator[APIRequestContext]:
    """The API, as an administrator calls it."""
    context = playwright.request.new_context(
        base_url=shop_url, extra_http_headers={"Authorization": f"Bearer {admin_token}"}
    )
    yield context
    context.dispose()


@pytest.fixture(scope="session")
def put_product(admin: APIRequestContext) -> PutProduct:
    """Make or change a product: id, name, price, stock."""

    def put(product_id: str, name: str, price: str, inventory: int) -> None:
        answer = admin.put(f"/products/{product_id}", data={"name": name, "price": price, "inventory": inventory})
        assert answer.ok, answer.text()

    return put


@pytest.fixture(scope="session")
def stocked_shop(shop_url: str, put_product: PutProduct) -> str:
    """The address of a shop with something to sell."""
    for product_id, (name, price, inventory) in PRODUCTS.items():
        put_product(product_id, name, price, inventory)
    for number in range(MANY):
        put_product(f"tile-{number:02}", f"Glazed tile no. {number:02}", "2.00", 1000)
    return shop_url


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds of the shop: its services work on after they have answered."""

    def wait(holds: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + EVENTUALLY_S
        while not holds():
            assert time.monotonic() < give_up_at, f"did not come to hold within {EVENTUALLY_S} s"
            time.sleep(0.1)

    return wait


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium: the one that SOUK_CHROMIUM names, or the one in the path."""
    found = os.environ.get("SOUK_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail(f"These tests need a browser: install one of {', '.join(CHROMIUM_NAMES)}, or set SOUK_CHROMIUM.")
    launched = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def context(browser: Browser, stocked_shop: str) -> Iterator[BrowserContext]:
    """A visitor who was never here before."""
    visitor = browser.new_context(base_url=stocked_shop, locale="en-GB", timezone_id="Europe/London")
    expect.set_options(timeout=20_000)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of that visitor. It fails the test on any script error, and on anything that its own policy forbids."""
    opened = context.new_page()
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # The browser reports each refused request; the page shows those in words, which the tests read.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            faults.append(message.text)

    opened.on("console", hear)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    assert faults == []


def _souk(*arguments: str) -> str:
    """Run the `souk` that belongs to this Python, and return what it prints."""
    command = Path(sys.executable).with_name("souk")
    done = subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"souk {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
    return done.stdout
