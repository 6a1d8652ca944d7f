"""Right requests to the users service."""

import secrets

from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def rights(_: Client, customer: Customer) -> dict[str, Right]:
    """One for each operation."""
    account = {"email": f"{secrets.token_hex(6)}@example.org", "password": "correct horse", "name": "Ada"}
    return {
        "register_user": Right(body=account),
        "open_session": Right(body={"email": customer.email, "password": customer.password}),
        "get_user": Right({"userId": customer.user_id}),
    }
