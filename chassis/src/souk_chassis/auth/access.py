"""The rules of access, declared on operations and denied by default."""

from collections.abc import Collection

from souk_chassis.auth.identity import Caller, Role
from souk_chassis.errors import forbidden, unauthenticated
from souk_chassis.operation import Access, AnyOperation

_ROLES = {
    Access.CUSTOMER: frozenset({Role.CUSTOMER, Role.ADMIN}),
    Access.OWNER: frozenset({Role.GUEST, Role.CUSTOMER, Role.ADMIN}),
    Access.ADMIN: frozenset({Role.ADMIN}),
}


def check_signed_in(caller: Caller) -> None:
    """Raise SoukError `unauthenticated` where the caller has no token."""
    if caller.identity.role is Role.ANONYMOUS:
        raise unauthenticated("sign_in", "Sign in first: this needs a bearer token.")


def check_access(operation: AnyOperation, caller: Caller, callers: Collection[str] = ()) -> None:
    """Raise SoukError `unauthenticated` or `forbidden` unless `caller` may call `operation`.

    `callers` are the services whose manifest declares the call.
    """
    if operation.access is Access.PUBLIC:
        return
    if operation.access is Access.SERVICE:
        if caller.service is None or caller.service not in callers:
            raise forbidden("not_allowed", "Only services that declare this call may make it.")
        return
    check_signed_in(caller)
    if caller.identity.role not in _ROLES[operation.access]:
        raise forbidden("not_allowed", "Your account may not do this.")
