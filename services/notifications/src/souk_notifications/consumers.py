"""How every event becomes a mail: `deliver` finds the addresses and sends, `record` keeps what went out."""

from collections.abc import Mapping, Sequence

from souk_chassis.context import Context
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Delivery
from souk_chassis.ids import uuid7
from souk_chassis.storage.records import RecordUnit
from souk_contracts.users import ContactsQuery, FindContacts
from souk_notifications.domain import MailEvent, Receipt, owner_of, write_mail
from souk_notifications.operations import Notifications
from souk_notifications.ports import Notice

BATCH = 512
"""Events handled in one go. Their customers fit into one question for contacts, which takes 1,000."""
ATTEMPTS = 40
"""Half an hour of trying: neither a restart elsewhere nor a mail server that asks to come again later (RFC 6647,
greylisting) costs a mail."""


async def deliver(
    ctx: Context[Notifications], deliveries: Sequence[Delivery[MailEvent]]
) -> Sequence[Receipt | SoukError]:
    """Ask where the customers are reached, and send what has to leave the shop. Keeps nothing.

    Where the users service does not answer, guests get their mails all the same: they brought an address.
    """
    events = [delivery.data for delivery in deliveries]
    contacts = await _find_contacts(ctx, events)
    if not isinstance(contacts, SoukError):
        return await ctx.deps.transport.deliver([Notice(event, _address(event, contacts)) for event in events])
    answers: list[Receipt | SoukError] = [contacts] * len(events)
    places = [place for place, event in enumerate(events) if not _asks_for(event)]
    notices = [Notice(events[place], _address(events[place], {})) for place in places]
    for place, answer in zip(places, await ctx.deps.transport.deliver(notices), strict=True):
        answers[place] = answer
    return answers


async def record(
    ctx: Context[Notifications],
    unit: RecordUnit,
    deliveries: Sequence[Delivery[MailEvent]],
    receipts: Sequence[Receipt],
) -> None:
    """Write the mails down. One that is there already stays as it is."""
    now = ctx.now
    mails = [
        write_mail(delivery.data, receipt, uuid7(), now) for delivery, receipt in zip(deliveries, receipts, strict=True)
    ]
    fresh = await unit.add(mails)
    for mail, delivery in zip(mails, deliveries, strict=True):
        if mail.mail_key in fresh:
            ctx.log.info(
                "mail recorded",
                delivery.traceparent,
                mailId=mail.mail_id,
                kind=mail.kind,
                status=mail.status.value,
                orderId=mail.order_id,
                customerId=mail.customer_id,
            )


def _asks_for(event: MailEvent) -> str | None:
    """The customer whose contact is needed; None where the event brings an address, or is nobody's."""
    return None if event.email else owner_of(event)


def _address(event: MailEvent, contacts: Mapping[str, str]) -> str | None:
    return event.email or contacts.get(owner_of(event) or "")


async def _find_contacts(ctx: Context[Notifications], events: Sequence[MailEvent]) -> Mapping[str, str] | SoukError:
    """The addresses of those customers who exist, asked for once, or why there was no answer."""
    wanted = sorted({customer_id for event in events if (customer_id := _asks_for(event)) is not None})
    if not wanted:
        return {}
    try:
        contacts = await ctx.call(FindContacts, ContactsQuery(user_ids=tuple(wanted)))
    except SoukError as error:
        return error
    return {contact.user_id: contact.email for contact in contacts.items}
