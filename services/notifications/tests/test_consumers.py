"""From event to mail: recipients, repeats, failures of the users service, and the whole way through a queue."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import Delivery, Event, pack
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_contracts.orders import OrderConfirmed, OrderReturned, OrderShipped
from souk_contracts.users import UserRegistered
from souk_notifications.consumers import ATTEMPTS, BATCH, deliver, record
from souk_notifications.domain import MailEvent, Receipt
from souk_notifications.manifest import service
from souk_notifications.operations import Notifications
from souk_notifications.records import Mail, MailStatus

AsCaller = Callable[..., Context[Notifications]]


def confirmed(order_id: str, customer_id: str | None = None, email: str | None = None) -> OrderConfirmed:
    return OrderConfirmed(order_id=order_id, customer_id=customer_id, email=email, total_minor=255, currency="GBP")


def deliveries(*events: MailEvent) -> list[Delivery[MailEvent]]:
    return [Delivery(f"event-{place}", event, f"trace-{place}") for place, event in enumerate(events)]


async def handle(ctx: Context[Notifications], *events: MailEvent) -> Sequence[Receipt | SoukError]:
    """Both steps, as the worker does them."""
    given = deliveries(*events)
    answers = await deliver(ctx, given)
    answered = [(one, answer) for one, answer in zip(given, answers, strict=True) if isinstance(answer, Receipt)]
    async with ctx.deps.store.unit() as unit:
        await record(ctx, unit, [one for one, _ in answered], [answer for _, answer in answered])
    return answers


async def kept(notifications: Notifications) -> dict[str, Mail]:
    return {mail.mail_key: mail for mail in (await notifications.store.page(Mail.newest, limit=1000)).items}


async def test_a_customer_is_reached_where_users_says(as_caller: AsCaller, notifications: Notifications) -> None:
    await handle(as_caller(), confirmed("o1", "ada"))
    mail = (await kept(notifications))["order:o1:confirmed"]
    assert (mail.to, mail.status, mail.customer_id) == ("ada@example.org", MailStatus.SENT, "ada")


async def test_a_guest_is_reached_where_he_says(
    as_caller: AsCaller, notifications: Notifications, users_service: Any
) -> None:
    await handle(as_caller(), confirmed("o1", email="guest@example.org"))
    assert (await kept(notifications))["order:o1:confirmed"].to == "guest@example.org"
    assert users_service.asked == []


async def test_an_address_in_the_event_goes_before_the_account(
    as_caller: AsCaller, notifications: Notifications, users_service: Any
) -> None:
    await handle(as_caller(), confirmed("o1", "ada", "other@example.org"))
    assert (await kept(notifications))["order:o1:confirmed"].to == "other@example.org"
    assert users_service.asked == []


@pytest.mark.parametrize("customer_id", ["unknown", None])
async def test_without_an_address_the_mail_is_kept_all_the_same(
    as_caller: AsCaller, notifications: Notifications, customer_id: str | None
) -> None:
    await handle(as_caller(), confirmed("o1", customer_id))
    mail = (await kept(notifications))["order:o1:confirmed"]
    assert (mail.to, mail.status) == (None, MailStatus.NO_ADDRESS)


async def test_a_batch_asks_once_and_for_each_customer_once(as_caller: AsCaller, users_service: Any) -> None:
    events = [confirmed(f"o{n}", "ada" if n % 2 else "bob") for n in range(BATCH - 2)]
    welcome = UserRegistered(user_id="eve", email="eve@example.org", name="Eve")
    await handle(as_caller(), *events, welcome, confirmed("guest", email="g@b.c"))
    assert users_service.asked == [("ada", "bob")]


async def test_a_batch_fits_into_one_question() -> None:
    assert all(consumer.batch <= 1000 for consumer in service.consumes.values())


async def test_a_second_run_changes_nothing(
    as_caller: AsCaller, notifications: Notifications, users_service: Any, log_lines: Any
) -> None:
    events: list[MailEvent] = [
        confirmed("o1", "ada"),
        UserRegistered(user_id="ada", email="ada@example.org", name="Ada"),
    ]
    await handle(as_caller(), *events)
    before, lines = await kept(notifications), len(log_lines.lines)
    users_service.emails["ada"] = "moved@example.org"
    await handle(as_caller(), *events)
    assert await kept(notifications) == before
    assert len(log_lines.lines) == lines == 2
    assert await notifications.store.outbox_size() == 0


async def test_each_kind_and_each_return_gets_one_mail(as_caller: AsCaller, notifications: Notifications) -> None:
    facts: dict[str, Any] = {"order_id": "o1", "customer_id": "ada", "total_minor": 255, "currency": "GBP"}
    returns = [OrderReturned(**facts, return_id=r, amount_minor=5, items=()) for r in ("r1", "r2", "r1")]
    await handle(as_caller(), confirmed("o1", "ada"), OrderShipped(**facts), *returns)
    assert sorted(await kept(notifications)) == [
        "order:o1:confirmed",
        "order:o1:returned:r1",
        "order:o1:returned:r2",
        "order:o1:shipped",
    ]


async def test_where_users_is_away_guests_get_their_mail(
    as_caller: AsCaller, notifications: Notifications, users_service: Any
) -> None:
    users_service.failure = unavailable("service_unavailable", "users can't be reached.")
    answers = await handle(
        as_caller(),
        confirmed("o1", "ada"),
        confirmed("o2", email="guest@example.org"),
        UserRegistered(user_id="eve", email="eve@example.org", name="Eve"),
        confirmed("o3"),
    )
    assert [isinstance(answer, Receipt) for answer in answers] == [False, True, True, True]
    assert answers[0] is users_service.failure
    assert sorted(await kept(notifications)) == ["order:o2:confirmed", "order:o3:confirmed", "user:eve:welcome"]


async def test_the_log_names_the_order_and_no_address(as_caller: AsCaller, log_lines: Any) -> None:
    await handle(as_caller(), confirmed("o1", "ada"))
    [line] = log_lines.lines
    facts = {name: line[name] for name in ("message", "kind", "status", "orderId", "customerId")}
    assert facts == {
        "message": "mail recorded",
        "kind": "confirmed",
        "status": "SENT",
        "orderId": "o1",
        "customerId": "ada",
    }
    assert "example.org" not in repr(line)


class TestThroughTheQueue:
    """With the worker that runs in every topology."""

    @pytest.fixture
    def worker(self, notifications: Notifications, clock: ManualClock, users_service: Any, log_lines: Any) -> Worker:
        instance = Instance(service, notifications, notifications.store, clock, Log("notification-service", log_lines))
        return Worker(instance, Subscriptions({}, {}), users_service, deliveries=2)

    async def put(self, worker: Worker, event: Event, clock: ManualClock) -> Any:
        subscription = next(subscription for subscription in worker.subscriptions if subscription.event is type(event))
        stored = pack(event, source="orders", time=clock.now(), traceparent="")
        await worker._instance.database.receive([(subscription.queue, stored)])
        return subscription

    async def test_an_event_becomes_a_mail(
        self, worker: Worker, clock: ManualClock, notifications: Notifications
    ) -> None:
        subscription = await self.put(worker, confirmed("o1", "ada"), clock)
        assert await worker.consume_once(subscription) == 1
        assert await worker.consume_once(subscription) == 0
        assert list(await kept(notifications)) == ["order:o1:confirmed"]

    async def test_a_mail_waits_for_users_and_is_given_up_in_the_end(
        self, worker: Worker, clock: ManualClock, notifications: Notifications, users_service: Any
    ) -> None:
        users_service.failure = unavailable("service_unavailable", "users can't be reached.")
        subscription = await self.put(worker, confirmed("o1", "ada"), clock)
        for _ in range(ATTEMPTS):
            assert await worker.consume_once(subscription) == 1
            clock.advance(60)
        assert await worker.consume_once(subscription) == 0
        [dead] = await notifications.store.dead_letters(10)
        assert (dead.queue, dead.subject, dead.attempts) == (subscription.queue, "o1", ATTEMPTS)
        users_service.failure = None
        assert await notifications.store.redrive(subscription.queue) == 1
        await worker.consume_once(subscription)
        assert (await kept(notifications))["order:o1:confirmed"].to == "ada@example.org"
