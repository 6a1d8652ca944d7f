"""What the mails say, and what makes each the only one of its kind."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis import wire
from souk_chassis.testing.clock import ManualClock
from souk_contracts.orders import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderedItem,
    OrderRejected,
    OrderReturned,
    OrderShipped,
    SoldItem,
)
from souk_contracts.products import ShortItem
from souk_contracts.users import UserRegistered
from souk_notifications.domain import (
    EVENTS,
    ITEMS_NAMED,
    TEXT_SHOWN,
    MailEvent,
    MailStatus,
    Receipt,
    kind_of,
    mail_key,
    write_letter,
    write_mail,
)

ORDER: dict[str, Any] = {"order_id": "o-1", "customer_id": "ada", "total_minor": 123456, "currency": "GBP"}
ITEMS = (OrderedItem(product_id="85123A", quantity=3),)

SAMPLES: list[tuple[MailEvent, str]] = [
    (OrderConfirmed(**ORDER), "order:o-1:confirmed"),
    (OrderRejected(**ORDER, short_items=()), "order:o-1:rejected"),
    (OrderCancelled(**ORDER, reason="payment_declined"), "order:o-1:cancelled"),
    (OrderShipped(**ORDER), "order:o-1:shipped"),
    (OrderDelivered(**ORDER), "order:o-1:delivered"),
    (OrderReturned(**ORDER, return_id="r-7", amount_minor=255, items=ITEMS), "order:o-1:returned:r-7"),
    (UserRegistered(user_id="ada", email="ada@example.org", name="Ada"), "user:ada:welcome"),
]


def test_every_event_has_a_sample_here() -> None:
    assert {type(event) for event, _ in SAMPLES} == set(EVENTS)


@pytest.mark.parametrize(("event", "key"), SAMPLES)
def test_the_key_is_of_the_events_facts(event: MailEvent, key: str) -> None:
    assert mail_key(event) == key
    assert kind_of(event) in key.split(":")


@pytest.mark.parametrize("event", [event for event, _ in SAMPLES if not isinstance(event, UserRegistered)])
def test_a_mail_on_an_order_names_it(event: MailEvent) -> None:
    letter = write_letter(event)
    assert "o-1" in letter.subject
    assert "o-1" in letter.body
    assert "\n" not in letter.subject


@pytest.mark.parametrize(
    ("minor", "shown"), [(0, "0.00"), (5, "0.05"), (123456, "1234.56"), (9_999_999_999, "99999999.99")]
)
def test_a_confirmation_says_what_was_paid(minor: int, shown: str) -> None:
    event = OrderConfirmed(**{**ORDER, "total_minor": minor})
    assert f" {shown} GBP" in write_letter(event).body


def test_a_confirmation_names_the_items_at_their_prices() -> None:
    items = (
        SoldItem(product_id="85123A", quantity=3, unit_price_minor=255),
        SoldItem(product_id="22423", quantity=1, unit_price_minor=1275),
    )
    body = write_letter(OrderConfirmed(**ORDER, items=items)).body
    assert "\n\nOrdered:\n  85123A: 3 at 2.55 GBP\n  22423: 1 at 12.75 GBP\n\nYour shop\n" in body


@pytest.mark.parametrize("count", [ITEMS_NAMED, ITEMS_NAMED + 1])
def test_a_long_confirmation_is_cut(count: int) -> None:
    items = tuple(SoldItem(product_id=f"p{n}", quantity=1, unit_price_minor=5) for n in range(count))
    body = write_letter(OrderConfirmed(**ORDER, items=items)).body
    assert body.count(": 1 at 0.05 GBP\n") == ITEMS_NAMED
    assert ("and 1 more" in body) == (count > ITEMS_NAMED)


def test_a_confirmation_of_the_first_release_names_no_items() -> None:
    """Its event had none, and may wait in a queue while the new version starts."""
    data = b'{"orderId": "o-1", "customerId": "ada", "email": null, "totalMinor": 123456, "currency": "GBP"}'
    assert "Ordered" not in write_letter(wire.decode(data, OrderConfirmed)).body


def test_a_rejection_names_what_was_short() -> None:
    short = ShortItem(product_id="85123A", requested=5, available=2)
    assert "85123A: 5 ordered, 2 in stock" in write_letter(OrderRejected(**ORDER, short_items=(short,))).body


@pytest.mark.parametrize(("count", "more"), [(ITEMS_NAMED, ""), (2_000, f"and {2_000 - ITEMS_NAMED} more")])
def test_a_long_rejection_is_cut(count: int, more: str) -> None:
    short = tuple(ShortItem(product_id=f"p{n}", requested=2, available=1) for n in range(count))
    body = write_letter(OrderRejected(**ORDER, short_items=short)).body
    assert body.count(" ordered, ") == ITEMS_NAMED
    assert ("more" in body) == bool(more)
    assert more in body


def test_a_rejection_for_no_named_product_still_reads_well() -> None:
    assert "not enough of" not in write_letter(OrderRejected(**ORDER, short_items=())).body


def test_a_cancellation_gives_the_reason_in_one_line() -> None:
    body = write_letter(OrderCancelled(**ORDER, reason="card_declined\n\nBUY NOW")).body
    assert "Reason: card declined BUY NOW\n" in body
    assert "Reason" not in write_letter(OrderCancelled(**ORDER, reason=" ")).body


def test_a_return_says_what_is_refunded() -> None:
    body = write_letter(OrderReturned(**ORDER, return_id="r", amount_minor=255, items=ITEMS)).body
    assert "2.55 GBP" in body
    assert "85123A: 3" in body


@pytest.mark.parametrize("count", [ITEMS_NAMED, ITEMS_NAMED + 1])
def test_a_long_return_is_cut(count: int) -> None:
    items = tuple(OrderedItem(product_id=f"p{n}", quantity=1) for n in range(count))
    body = write_letter(OrderReturned(**ORDER, return_id="r", amount_minor=255, items=items)).body
    assert body.count(": 1\n") == ITEMS_NAMED
    assert ("and 1 more" in body) == (count > ITEMS_NAMED)


@pytest.mark.parametrize("name", ["Ada", "Ada King-Noel", "J. R. R. Tolkien", "Zo\u00eb O'Neill", "\u674e\u56db"])
def test_a_welcome_greets_by_name(name: str) -> None:
    event = UserRegistered(user_id="u", email="a@b.c", name=name)
    assert write_letter(event).body.startswith(f"Hello {name},\n")


@pytest.mark.parametrize(
    "name", ["Win at http://evil.example", "evil.example", "WWW prize", "a@b", "<b>", "path\\x", " \t\n"]
)
def test_a_welcome_carries_no_link(name: str) -> None:
    event = UserRegistered(user_id="u", email="a@b.c", name=name)
    assert write_letter(event).body.startswith("Hello,\n")


@given(st.text(max_size=400))
def test_a_name_can_neither_start_lines_nor_fill_pages(name: str) -> None:
    plain = write_letter(UserRegistered(user_id="u", email="a@b.c", name="")).body
    body = write_letter(UserRegistered(user_id="u", email="a@b.c", name=name)).body
    assert body.splitlines()[1:] == plain.splitlines()[1:]
    assert len(body) <= len(plain) + TEXT_SHOWN + 1


def test_a_mail_is_shown_to_its_customer() -> None:
    at = ManualClock().now()
    receipt = Receipt("ada@example.org", MailStatus.SENT)
    about_order = write_mail(OrderShipped(**ORDER), receipt, "id", at)
    assert (about_order.customer_id, about_order.order_id, about_order.to) == ("ada", "o-1", "ada@example.org")
    welcome = write_mail(UserRegistered(user_id="ada", email="a@b.c", name="Ada"), receipt, "id", at)
    assert (welcome.customer_id, welcome.order_id) == ("ada", None)
    guests = write_mail(OrderShipped(**{**ORDER, "customer_id": None, "email": "g@b.c"}), receipt, "id", at)
    assert (guests.customer_id, guests.order_id) == (None, "o-1")
