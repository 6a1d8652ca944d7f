"""Every view, light and dark, wide and narrow, under axe's rules."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, ViewportSize, expect

Scheme = Literal["light", "dark"]

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 640}
BASKET = """localStorage.setItem("souk.basket", JSON.stringify([
    {productId: "lantern", name: "White metal lantern", unitPrice: "3.39", currency: "GBP", quantity: 2}]))"""

VIEWS = {
    "catalogue": ("/", ".card"),
    "nothing found": ("/#/?q=nosuchthing", ".empty"),
    "product": ("/#/products/lantern", ".buy"),
    "sold out": ("/#/products/gone", ".stock"),
    "basket": ("/#/basket", ".line"),
    "checkout": ("/#/checkout", ".choices"),
    "orders": ("/#/orders", ".empty"),
    "account": ("/#/account", "#new-password"),
    "problem": ("/#/products/no-such-product", ".notice"),
    "mailbox, closed": ("/mailbox", "#field-token"),
}


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    """What the visitor's system asks for."""
    asked: Scheme = request.param
    return asked


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def visitor(request: pytest.FixtureRequest, browser: Browser, stocked_shop: str, scheme: Scheme) -> Iterator[Page]:
    """A page in that scheme and width."""
    context = browser.new_context(
        base_url=stocked_shop, locale="en-GB", color_scheme=scheme, viewport=request.param, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


def expect_accessible(page: Page) -> None:
    """No rule of axe is broken, and nothing reaches beyond the window's edge."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_breaks_no_rule(visitor: Page, view: str) -> None:
    path, ready = VIEWS[view]
    visitor.add_init_script(BASKET)
    visitor.goto(path)
    expect(visitor.locator(ready).first).to_be_visible()
    expect_accessible(visitor)


def test_an_order_and_its_mail_break_no_rule(visitor: Page) -> None:
    visitor.goto("/#/products/lantern")
    visitor.get_by_role("button", name="Add to basket").click()
    visitor.goto("/#/checkout")
    visitor.get_by_label("Email").fill("ada@example.com")
    visitor.get_by_role("button", name="Place order").click()
    expect(visitor.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()
    visitor.get_by_text("Return something").click()
    expect_accessible(visitor)
    visitor.get_by_role("link", name="Mail about this order").click()
    expect(visitor.locator(".mail-row")).to_be_visible()
    expect_accessible(visitor)
    visitor.goto("/#/orders")
    expect(visitor.locator(".order-row .pill")).to_be_visible()
    expect_accessible(visitor)


def test_a_view_is_reached_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".card").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("lantern")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name="White metal lantern").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="White metal lantern")).to_be_focused()


def test_the_chosen_colours_outlive_a_reload(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Switch to dark colours").click()
    page.reload()
    expect(page.get_by_role("button", name="Switch to light colours")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
