"""What a customer does in the shop, in a real browser against a real shop."""

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import APIRequestContext, Page, expect


def put_in_basket(page: Page, product_id: str, quantity: int = 1) -> None:
    """Open a product and add it."""
    page.goto(f"/#/products/{product_id}")
    page.get_by_label(re.compile("^Quantity of")).fill(str(quantity))
    page.get_by_role("button", name="Add to basket").click()
    expect(page.get_by_text("in your basket")).to_be_visible()


def check_out(page: Page, method: str = "Card that is accepted", email: str | None = "ada@example.com") -> None:
    """Go to the checkout and order; a signed-in customer has no email to give."""
    page.goto("/#/checkout")
    if email is not None:
        page.get_by_label("Email").fill(email)
    page.get_by_label(method).check()
    page.get_by_role("button", name="Place order").click()


def expect_status(page: Page, status: str) -> None:
    """Wait until the open order's page shows this status, without a reload."""
    expect(page.locator(f".status-panel [data-status={status}]")).to_be_visible()


def register(page: Page) -> str:
    """Open an account, and return its email."""
    email = f"{secrets.token_hex(6)}@example.com"
    page.goto("/#/account")
    form = page.get_by_role("region", name="New here?")
    form.get_by_label("Name").fill("Ada Lovelace")
    form.get_by_label("Email").fill(email)
    form.get_by_label("Password").fill("correct horse battery")
    form.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    return email


def order_id(page: Page) -> str:
    """The number of the order whose page is open."""
    return page.locator(".order-id").inner_text()


def test_a_guest_finds_a_product_orders_it_and_reads_the_mail(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Search the catalogue").fill("lantern")
    expect(page.get_by_role("heading", name="Results for “lantern”")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name="White metal lantern").click()
    expect(page.get_by_role("heading", level=1, name="White metal lantern")).to_be_focused()
    page.get_by_role("button", name="One more of White metal lantern").click()
    page.get_by_role("button", name="Add to basket").click()
    page.get_by_role("link", name="See the basket").click()
    expect(page.get_by_role("complementary", name="Total")).to_contain_text("£6.78")
    page.get_by_role("link", name="To the checkout").click()
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Card that takes its time").check()
    page.get_by_role("button", name="Place order · £6.78").click()
    expect(page.locator(".link-state.live")).to_be_visible()
    expect_status(page, "CONFIRMED")
    expect(page.locator(".step:not(.later) b")).to_have_text(["Placed", "Reserved", "Confirmed"])
    expect(page.locator("#basket-count")).to_be_hidden()
    placed = order_id(page)
    page.get_by_role("link", name="Mail about this order").click()
    expect(page.locator(".mail-row")).to_have_count(1)
    reading = page.get_by_role("region", name="Mail", exact=True)
    expect(reading).to_contain_text("ada@example.com")
    reading.get_by_role("link", name=placed).click()
    expect_status(page, "CONFIRMED")
    page.goto("/#/orders")
    expect(page.get_by_role("region", name="Ordered as a guest")).to_contain_text(placed)


def test_a_new_customer_signs_up_orders_and_cancels(page: Page) -> None:
    register(page)
    put_in_basket(page, "mug", 3)
    check_out(page, email=None)
    expect_status(page, "CONFIRMED")
    placed = order_id(page)
    page.get_by_role("button", name="Cancel order").click()
    expect_status(page, "CANCELLED")
    expect(page.get_by_role("button", name="Cancel order")).to_have_count(0)
    page.goto("/#/orders")
    expect(page.get_by_role("listitem").filter(has_text=placed)).to_contain_text("Cancelled")


def test_a_customer_signs_out_and_in_again(page: Page) -> None:
    email = register(page)
    page.goto("/#/account")
    page.get_by_role("button", name="Sign out").click()
    form = page.get_by_role("region", name="Sign in", exact=True)
    form.get_by_label("Email").fill(email)
    form.get_by_label("Password").fill("wrong horse")
    form.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong credentials")
    expect(page.get_by_role("alert").locator("code")).to_have_text(re.compile("^[0-9a-f]{32}$"))
    form.get_by_label("Password").fill("correct horse battery")
    form.get_by_role("button", name="Sign in").click()
    expect(page.locator("#account-link")).to_have_text(email)


def test_a_declined_card_cancels_the_order_and_gives_the_goods_back(
    page: Page, admin: APIRequestContext, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    before = admin.get("/products/jigsaw").json()["inventory"]
    put_in_basket(page, "jigsaw", 5)
    check_out(page, method="Card that is declined")
    expect_status(page, "CANCELLED")
    expect(page.locator(".timeline .reason")).to_contain_text(re.compile("declined", re.IGNORECASE))
    eventually(lambda: admin.get("/products/jigsaw").json()["inventory"] == before)


def test_what_is_short_is_named(page: Page) -> None:
    put_in_basket(page, "vase", 5)
    check_out(page)
    expect_status(page, "REJECTED")
    expect(page.locator(".notice").filter(has_text="Not enough in stock")).to_contain_text(
        "you asked for 5, 2 are left"
    )


def test_items_are_sent_back_one_by_one(page: Page) -> None:
    put_in_basket(page, "mug", 2)
    check_out(page)
    expect_status(page, "CONFIRMED")
    for returned in ("1 returned", None):
        page.get_by_text("Return something").click()
        page.get_by_label(re.compile("^Retro coffee mug")).fill("1")
        page.get_by_role("button", name="Send back").click()
        if returned:
            expect(page.locator("table.items")).to_contain_text(returned)
    expect_status(page, "RETURNED")


def test_the_basket_adds_exactly_and_outlives_a_reload(page: Page) -> None:
    put_in_basket(page, "mug")
    put_in_basket(page, "jigsaw")
    page.goto("/#/basket")
    total = page.get_by_role("complementary", name="Total")
    expect(total).to_contain_text("£0.30")
    page.get_by_label("Quantity of Retro coffee mug").fill("1000000")
    page.get_by_label("Quantity of Retro coffee mug").press("Tab")
    expect(total).to_contain_text("£100,000.20")
    page.reload()
    expect(total).to_contain_text("£100,000.20")
    page.get_by_role("button", name="Remove Retro coffee mug").click()
    expect(total).to_contain_text("Total of 1 piece")
    page.get_by_role("button", name="Remove Circus jigsaw puzzle").click()
    expect(page.get_by_text("Your basket is empty")).to_be_visible()


def test_the_catalogue_comes_page_by_page_and_is_found_again(page: Page) -> None:
    page.goto("/#/?q=glazed")
    expect(page.locator(".card")).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".card")).to_have_count(30)
    page.get_by_role("link", name="Glazed tile no. 27").click()
    expect(page.get_by_role("heading", level=1, name="Glazed tile no. 27")).to_be_visible()
    page.go_back()
    expect(page.locator(".card")).to_have_count(30)
    expect(page.get_by_role("link", name="Glazed tile no. 27")).to_be_in_viewport()


def test_what_is_sold_out_cannot_be_added(page: Page) -> None:
    page.goto("/#/products/gone")
    expect(page.get_by_text("Sold out", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Add to basket")).to_have_count(0)


def test_names_are_shown_as_text(page: Page) -> None:
    page.goto("/#/products/sharp")
    expect(page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=document.title='owned'>")
    put_in_basket(page, "sharp")
    page.goto("/#/basket")
    expect(page.get_by_role("link", name="<img src=x")).to_be_visible()
    assert page.locator("main img").count() == 0
    assert page.title() == "Basket · Souk"


def test_sums_are_exact_beyond_what_a_float_holds(page: Page) -> None:
    page.goto("/")
    shown = page.evaluate(
        """async () => {
            const { formatMoney, lineTotal, parseMoney, toDecimal } = await import("/static/storefront/money.js");
            const sum = lineTotal("99999999.99", 999999) + parseMoney("0.1");
            const refused = ["1.005", "1e3", "", "x", "1,00"].map((text) => {
                try { return String(parseMoney(text)); } catch (error) { return error.name; }
            });
            return [toDecimal(sum), formatMoney(9007199254740993n, "GBP"), toDecimal(parseMoney("-0.05")), ...refused];
        }"""
    )
    assert shown == ["99999899990000.11", "£90,071,992,547,409.93", "-0.05", *["RangeError"] * 5]
