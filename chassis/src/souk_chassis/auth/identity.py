"""Identities: what a verified token says of the caller."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What a caller is."""

    ANONYMOUS = "anonymous"
    GUEST = "guest"
    """Holds the token of one guest order, and may see and change that order alone."""
    CUSTOMER = "customer"
    ADMIN = "admin"
    SERVICE = "service"


class Identity(msgspec.Struct, frozen=True):
    """On whose behalf a call is made."""

    role: Role
    user_id: str | None = None
    order_id: str | None = None
    """The one order of a guest's token."""

    @property
    def is_admin(self) -> bool:
        """True for administrators."""
        return self.role is Role.ADMIN

    def owns_user(self, user_id: str | None) -> bool:
        """True for that user himself and for administrators."""
        return self.is_admin or (self.role is Role.CUSTOMER and user_id is not None and self.user_id == user_id)

    def owns_order(self, order_id: str, customer_id: str | None) -> bool:
        """True for the order's customer, for the guest who placed it, and for administrators."""
        return self.owns_user(customer_id) or (self.role is Role.GUEST and self.order_id == order_id)


ANONYMOUS = Identity(Role.ANONYMOUS)


class Caller(msgspec.Struct, frozen=True):
    """A verified token: the identity, and the service that passed the call on (None for a call from outside)."""

    identity: Identity
    service: str | None = None
