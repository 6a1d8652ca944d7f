"""Right requests to the payments service."""

from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def rights(_: Client, __: Customer) -> dict[str, Right]:
    """One for each operation."""
    return {"get_payment_books": Right()}
