"""The mailbox page: whose mail it shows, and what it does with a token."""

import re
from collections.abc import Callable

from playwright.sync_api import APIRequestContext, Page, expect


def place_orders(admin: APIRequestContext, count: int) -> None:
    """Guests' orders, each of which gets a mail."""
    for number in range(count):
        order = {"items": [{"productId": "mug", "quantity": 1}], "email": f"guest{number}@example.com"}
        answer = admin.post("/orders", data=order)
        assert answer.status == 201, answer.text()


def wait_for_mails(admin: APIRequestContext, count: int, eventually: Callable[[Callable[[], bool]], None]) -> None:
    """Mails are written after the order was answered: wait until there are so many."""
    eventually(lambda: len(admin.get("/mails?limit=200").json()["items"]) >= count)


def test_a_token_in_the_address_opens_all_mail_and_is_taken_out_of_it(
    page: Page, admin: APIRequestContext, admin_token: str, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    place_orders(admin, 31)
    wait_for_mails(admin, 31, eventually)
    page.goto(f"/mailbox#token={admin_token}")
    expect(page.locator(".mail-row")).to_have_count(30)
    assert page.evaluate("location.href").endswith("/mailbox")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".mail-row").nth(30)).to_be_visible()
    page.locator(".mail-row").nth(2).click()
    expect(page.get_by_role("region", name="Mail", exact=True)).to_be_focused()
    expect(page.locator(".mail-row").nth(2)).to_have_attribute("aria-current", "true")
    page.go_back()
    assert admin_token not in page.evaluate("location.href")


def test_a_pasted_token_is_kept_until_it_is_forgotten(
    page: Page, admin: APIRequestContext, admin_token: str, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    place_orders(admin, 1)
    wait_for_mails(admin, 1, eventually)
    page.goto("/mailbox")
    page.get_by_label("Token").fill(admin_token)
    page.get_by_role("button", name="Open the mailbox").click()
    expect(page.locator(".mail-row").first).to_be_visible()
    page.reload()
    expect(page.locator(".mail-row").first).to_be_visible()
    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.locator(".mail-row")).to_have_count(0)


def test_a_wrong_token_is_refused_in_words(page: Page) -> None:
    page.goto("/mailbox#token=nonsense")
    expect(page.get_by_role("alert").locator("code")).to_have_text(re.compile("^[0-9a-f]{32}$"))
    expect(page.get_by_label("Token")).to_be_visible()
