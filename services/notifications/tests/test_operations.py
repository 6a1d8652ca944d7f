"""Reading mails and their books: who sees what, and paging."""

from collections.abc import Callable
from typing import Any

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.context import Context
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.ids import uuid7
from souk_chassis.testing.clock import ManualClock
from souk_contracts.notifications import MailQuery
from souk_contracts.shop import BookRequest
from souk_notifications.operations import Notifications, get_mail_books, list_mails
from souk_notifications.records import Mail, MailStatus

AsCaller = Callable[..., Context[Notifications]]
ADMIN = Identity(Role.ADMIN, "root")
ADA = Identity(Role.CUSTOMER, "ada")
GUEST = Identity(Role.GUEST, None, "guest-order")


@pytest.fixture(autouse=True)
async def mails(notifications: Notifications, clock: ManualClock) -> None:
    """Two of Ada's, one of Bob's, one of a guest's order, and a welcome."""
    facts = [("1", "o1", "ada"), ("2", "o2", "ada"), ("3", "o3", "bob"), ("4", "guest-order", None), ("5", None, "ada")]
    async with notifications.store.unit() as unit:
        for key, order, customer in facts:
            mail = Mail(
                mail_key=key,
                mail_id=uuid7(),
                kind="confirmed",
                order_id=order,
                customer_id=customer,
                to=f"{key}@b.c",
                subject="Subject",
                body="Body\n",
                status=MailStatus.SENT,
                created_at=clock.now(),
            )
            unit.put(mail)


async def seen(ctx: Context[Notifications], **query: Any) -> list[str]:
    page = await list_mails(ctx, MailQuery(**query))
    return [str(mail.to)[0] for mail in page.items]


async def test_a_mail_is_shown_whole(as_caller: AsCaller, clock: ManualClock) -> None:
    page = await list_mails(as_caller(ADMIN), MailQuery(order_id="o1"))
    [mail] = page.items
    assert (mail.order_id, mail.to, mail.subject, mail.body) == ("o1", "1@b.c", "Subject", "Body\n")
    assert (mail.status, mail.created_at, page.next) == ("SENT", clock.now(), None)


async def test_an_administrator_sees_all(as_caller: AsCaller) -> None:
    assert await seen(as_caller(ADMIN)) == ["5", "4", "3", "2", "1"]
    assert await seen(as_caller(ADMIN), order_id="o3") == ["3"]


async def test_a_customer_sees_his_own(as_caller: AsCaller) -> None:
    assert await seen(as_caller(ADA)) == ["5", "2", "1"]
    assert await seen(as_caller(ADA), order_id="o1") == ["1"]
    assert await seen(as_caller(ADA), order_id="o3") == []


async def test_a_guest_sees_his_orders(as_caller: AsCaller) -> None:
    assert await seen(as_caller(GUEST)) == ["4"]
    assert await seen(as_caller(GUEST), order_id="guest-order") == ["4"]


@pytest.mark.parametrize(
    ("identity", "order_id"),
    [(GUEST, "o1"), (Identity(Role.GUEST), None), (Identity(Role.CUSTOMER), None), (Identity(Role.SERVICE), None)],
)
async def test_others_are_refused(as_caller: AsCaller, identity: Identity, order_id: str | None) -> None:
    with pytest.raises(SoukError) as caught:
        await list_mails(as_caller(identity), MailQuery(order_id=order_id))
    assert caught.value.kind is ErrorKind.FORBIDDEN


@pytest.mark.parametrize("identity", [ADMIN, ADA])
async def test_pages_follow_each_other(as_caller: AsCaller, identity: Identity) -> None:
    whole = await seen(as_caller(identity))
    pieces: list[str] = []
    cursor: str | None = None
    while True:
        page = await list_mails(as_caller(identity), MailQuery(limit=2, cursor=cursor))
        pieces += [str(mail.to)[0] for mail in page.items]
        cursor = page.next
        if cursor is None:
            break
        assert len(page.items) == 2
    assert pieces == whole


async def test_a_page_that_is_just_full_is_the_last(as_caller: AsCaller) -> None:
    page = await list_mails(as_caller(ADA), MailQuery(limit=3))
    assert (len(page.items), page.next) == (3, None)


@pytest.mark.parametrize("cursor", ["", "x", "o1", "018f" * 8, "01938f6e-0c2a-7000-8000-000000000000~"])
async def test_a_cursor_that_was_never_given_is_refused(as_caller: AsCaller, cursor: str) -> None:
    with pytest.raises(SoukError) as caught:
        await list_mails(as_caller(ADMIN), MailQuery(cursor=cursor))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.INVALID, "invalid_cursor")
    assert "cursor" in caught.value.fields


async def test_the_books_are_paged_by_order(as_caller: AsCaller) -> None:
    first = await get_mail_books(as_caller(ADMIN), BookRequest(limit=3))
    assert [book.order_id for book in first.items] == ["guest-order", "o1", "o2"]
    assert first.next == "o2"
    rest = await get_mail_books(as_caller(ADMIN), BookRequest(limit=3, cursor=first.next))
    assert [(book.order_id, book.kinds) for book in rest.items] == [("o3", {"confirmed": 1})]
    assert rest.next is None
