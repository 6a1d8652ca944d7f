"""Right requests to the notifications service."""

from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def rights(_: Client, __: Customer) -> dict[str, Right]:
    """One for each operation."""
    return {"list_mails": Right(), "get_mail_books": Right()}
