"""Ownership: whose a thing is, by who calls."""

import pytest

from souk_chassis.auth.identity import ANONYMOUS, Identity, Role
from souk_chassis.testing.contexts import ADMIN, customer, guest


@pytest.mark.parametrize(
    ("identity", "user_id", "owns"),
    [
        (customer("c1"), "c1", True),
        (customer("c1"), "c2", False),
        (customer("c1"), None, False),
        (Identity(Role.CUSTOMER), None, False),
        (ADMIN, "c1", True),
        (ADMIN, None, True),
        (ANONYMOUS, "c1", False),
        (ANONYMOUS, None, False),
        (Identity(Role.GUEST, "c1", "o1"), "c1", False),
        (Identity(Role.SERVICE, "c1"), "c1", False),
    ],
)
def test_who_owns_a_user(identity: Identity, user_id: str | None, owns: bool) -> None:
    assert identity.owns_user(user_id) is owns


@pytest.mark.parametrize(
    ("identity", "customer_id", "owns"),
    [
        (customer("c1"), "c1", True),
        (customer("c1"), "c2", False),
        (customer("c1"), None, False),
        (guest("o1"), None, True),
        (guest("o1"), "c1", True),
        (guest("o2"), None, False),
        (guest("o2"), "o1", False),
        (Identity(Role.CUSTOMER, "c1", "o1"), "c2", False),
        (ADMIN, "c1", True),
        (ANONYMOUS, None, False),
    ],
)
def test_who_owns_the_order_o1(identity: Identity, customer_id: str | None, owns: bool) -> None:
    assert identity.owns_order("o1", customer_id) is owns
