"""What the pages do when the shop refuses, answers late, or does not answer at all."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import APIRequestContext, Page, Route, expect

CHECKOUT = "/#/checkout"


@pytest.fixture
def with_basket(page: Page) -> Page:
    """A guest's page at the checkout, with two lanterns in the basket."""
    page.goto("/#/products/lantern")
    page.get_by_label("Quantity of White metal lantern").fill("2")
    page.get_by_role("button", name="Add to basket").click()
    page.goto(CHECKOUT)
    return page


def orders_with_total(admin: APIRequestContext, total: str) -> int:
    """How many orders the shop holds over this amount."""
    return sum(order["total"] == total for order in admin.get("/orders?limit=200").json()["items"])


def test_a_changed_price_is_refused_shown_and_taken(
    page: Page, put_product: Callable[[str, str, str, int], None]
) -> None:
    name = f"bowl-{secrets.token_hex(4)}"
    put_product(name, "Salad bowl", "2.55", 100)
    page.goto(f"/#/products/{name}")
    page.get_by_role("button", name="Add to basket").click()
    put_product(name, "Salad bowl", "2.95", 100)
    page.goto(CHECKOUT)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Place order · £2.55").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Prices have changed")
    expect(notice).to_contain_text(re.compile(r"was £2\.55.*now £2\.95"))
    page.get_by_role("button", name="Take the new prices").click()
    page.get_by_role("button", name="Place order · £2.95").click()
    expect(page.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()


def test_a_double_click_orders_once(page: Page, admin: APIRequestContext, put_product: Callable[..., None]) -> None:
    name = f"plate-{secrets.token_hex(4)}"
    put_product(name, "Dinner plate", "17.17", 100)
    page.goto(f"/#/products/{name}")
    page.get_by_role("button", name="Add to basket").click()
    page.goto(CHECKOUT)
    page.get_by_label("Email").fill("ada@example.com")
    before = orders_with_total(admin, "17.17")
    page.get_by_role("button", name="Place order").dblclick()
    expect(page.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()
    assert orders_with_total(admin, "17.17") == before + 1


def test_a_lost_answer_is_asked_for_again_and_orders_once(
    page: Page, admin: APIRequestContext, put_product: Callable[..., None]
) -> None:
    name = f"spoon-{secrets.token_hex(4)}"
    put_product(name, "Tea spoon", "19.19", 100)
    keys: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) == 1:
            assert route.fetch().status == 201
            route.abort("connectionreset")
        else:
            route.continue_()

    before = orders_with_total(admin, "19.19")
    page.goto(f"/#/products/{name}")
    page.get_by_role("button", name="Add to basket").click()
    page.goto(CHECKOUT)
    page.route("**/orders", lose_the_first_answer)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Place order").click()
    expect(page.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert keys[0]
    assert orders_with_total(admin, "19.19") == before + 1


def test_no_answer_at_all_is_said_and_the_key_outlives_a_reload(with_basket: Page) -> None:
    page = with_basket
    keys: list[str | None] = []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        route.abort("connectionrefused")

    page.route("**/orders", refuse)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert")).to_contain_text("We do not know yet whether your order was placed")
    asked = len(keys)
    page.reload()
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert len(keys) > asked
    assert len(set(keys)) == 1
    page.unroute("**/orders")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()


def test_a_field_that_the_shop_refuses_is_marked(with_basket: Page) -> None:
    page = with_basket
    page.locator("form").evaluate("form => { form.noValidate = true; }")
    page.get_by_label("Email").fill("no address")
    page.get_by_role("button", name="Place order").click()
    field = page.get_by_label("Email")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator("#field-email-error")).not_to_be_empty()
    expect(page.get_by_role("alert").locator("code")).to_have_text(re.compile("^[0-9a-f]{32}$"))


def test_without_a_stream_the_status_is_read(with_basket: Page) -> None:
    page = with_basket
    page.route("**/orders/*/events", lambda route: route.abort("connectionreset"))
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Card that takes its time").check()
    page.get_by_role("button", name="Place order").click()
    expect(page.locator(".link-state.waiting")).to_be_visible()
    expect(page.locator(".status-panel [data-status=CONFIRMED]")).to_be_visible()
    expect(page.locator(".link-state")).to_be_hidden()


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_a_stream_is_read_however_it_is_cut(page: Page, ending: str) -> None:
    page.goto("/")
    text = ": hello||event: error|data: {}||data: one|data: two||data:é||data: unfinished".replace("|", ending)
    heard = page.evaluate(
        """async (text) => {
            const { events } = await import("/static/storefront/stream.js");
            const bytes = new TextEncoder().encode(text);
            const body = new ReadableStream({
                start(controller) {
                    for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
                    controller.close();
                },
            });
            const heard = [];
            for await (const event of events(body)) heard.push(`${event.type} ${event.data}`);
            return heard;
        }""",
        text,
    )
    assert heard == ["error {}", "message one\ntwo", "message é"]


def test_an_order_of_someone_else_is_not_shown(page: Page) -> None:
    page.goto("/#/orders/no-such-order")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in to see your orders")).to_be_visible()


def test_an_unknown_product_is_told(page: Page) -> None:
    page.goto("/#/products/no-such-product")
    expect(page.get_by_role("alert")).to_contain_text("Product not found")
    page.goto("/#/no/such/page")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing here")
