"""The users service as a topology builds it, called as others call it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from souk_chassis.auth.identity import ANONYMOUS, Caller
from souk_chassis.auth.keys import new_key
from souk_chassis.context import Call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.testing.clock import ManualClock
from souk_contracts.users import ContactsQuery, Credentials, FindContacts, NewUser, OpenSession, RegisterUser
from souk_users.bootstrap import build

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("kind", ["memory", "postgres"])
async def test_it_serves_what_its_manifest_says(
    kind: str, clock: ManualClock, new_database: Callable[[], Awaitable[str]], log_lines: Any
) -> None:
    url = await new_database() if kind == "postgres" else None
    instance = await build(Foundation(clock, new_key("users"), {}, url))
    instance = replace(instance, log=Log("user-service", log_lines))
    way = LocalDispatcher({FindContacts.name: ["notifications"]}, serialise=True)
    way.bind(instance, way)

    async def call(operation: Any, request: Any, service: str | None = None) -> Any:
        caller = Caller(ANONYMOUS, service)
        return await way.dispatch(operation, request, Call(caller, TRACEPARENT, Deadline.after(30.0)))

    ada = await call(RegisterUser, NewUser(email="Ada@Example.org", password="correct horse", name="Ada"))
    session = await call(OpenSession, Credentials(email="ada@example.org", password="correct horse"))
    assert session.user_id == ada.user_id
    query = ContactsQuery(user_ids=(ada.user_id,))
    contacts = await call(FindContacts, query, "notifications")
    assert [contact.email for contact in contacts.items] == ["Ada@Example.org"]
    for outsider in (None, "payments"):
        with pytest.raises(SoukError) as caught:
            await call(FindContacts, query, outsider)
        assert caught.value.kind is ErrorKind.FORBIDDEN
    assert await instance.database.outbox_size() == 1
    await instance.close()
