"""The notifications service as a topology builds it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from souk_chassis.auth.identity import Caller, Identity, Role
from souk_chassis.auth.keys import new_key
from souk_chassis.config import ConfigError
from souk_chassis.context import Call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import pack
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_contracts.notifications import GetMailBooks, ListMails, MailQuery
from souk_contracts.orders import OrderConfirmed
from souk_contracts.shop import BookRequest
from souk_notifications.bootstrap import build
from souk_notifications.transports.ses import SesTransport

NewDatabase = Callable[[], Awaitable[str]]


@pytest.mark.parametrize("smtp", [False, True])
@pytest.mark.parametrize("kind", ["memory", "postgres"])
async def test_an_event_becomes_a_mail_that_can_be_read(
    kind: str,
    smtp: bool,
    clock: ManualClock,
    new_database: NewDatabase,
    users_service: Any,
    serve_mail: Any,
    log_lines: Any,
    mail_server: Any,
) -> None:
    url = await new_database() if kind == "postgres" else None
    async with serve_mail(mail_server):
        address = {"SOUK_SMTP_URL": f"smtp://127.0.0.1:{mail_server.port}", "SOUK_MAIL_FROM": "shop@example.org"}
        instance = await build(Foundation(clock, new_key("notifications"), address if smtp else {}, url))
        instance = replace(instance, log=Log("notification-service", log_lines))
        worker = Worker(instance, Subscriptions({}, {}), users_service, deliveries=2)
        subscription = next(each for each in worker.subscriptions if each.event is OrderConfirmed)
        for number in range(3):
            event = OrderConfirmed(order_id=f"o{number}", customer_id="ada", total_minor=255, currency="GBP")
            stored = pack(event, source="orders", time=clock.now(), traceparent="")
            await instance.database.receive([(subscription.queue, stored)])
        assert await worker.consume_once(subscription) == 3
    way = LocalDispatcher({}, serialise=True)
    way.bind(instance, way)
    call = Call(Caller(Identity(Role.ADMIN)), "", Deadline.after(30.0))
    page = await way.dispatch(ListMails, MailQuery(), call)
    assert [(mail.order_id, mail.to, mail.status) for mail in page.items] == [
        (f"o{number}", "ada@example.org", "SENT") for number in (2, 1, 0)
    ]
    books = await way.dispatch(GetMailBooks, BookRequest(), call)
    assert [(book.order_id, book.kinds) for book in books.items] == [(f"o{n}", {"confirmed": 1}) for n in range(3)]
    assert len(mail_server.taken) == (3 if smtp else 0)
    await instance.close()


async def test_ses_is_chosen_by_a_setting(clock: ManualClock) -> None:
    """Nothing is asked of AWS before there is a mail: neither credentials nor a connection."""
    environment = {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_MAIL_FROM": "shop@example.org", "AWS_REGION": "eu-west-1"}
    instance = await build(Foundation(clock, new_key("notifications"), environment))
    assert isinstance(instance.deps.transport, SesTransport)
    await instance.close()


@pytest.mark.parametrize(
    "environment",
    [
        {"SOUK_SMTP_URL": "smtp://mail.example.org"},
        {"SOUK_SMTP_URL": "mail", "SOUK_MAIL_FROM": "shop@example.org"},
        {"SOUK_MAIL_TRANSPORT": "pigeon"},
        {"SOUK_MAIL_TRANSPORT": "ses", "AWS_REGION": "eu-west-1"},
        {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_MAIL_FROM": "shop@example.org"},
    ],
)
async def test_settings_that_cannot_be_are_refused(clock: ManualClock, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        await build(Foundation(clock, new_key("notifications"), environment))
