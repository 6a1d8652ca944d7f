"""The use cases of the users service, on the store in memory."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, jwks
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.context import Context, unit_is_open
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.events.event import unpack
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.records import DynamoRecords
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_contracts.users import ContactsQuery, Credentials, NewUser, UserProfile, UserRef, UserRegistered
from souk_users import operations
from souk_users.domain import FAILURE_WINDOW, MAX_FAILURES, SESSION_LIFETIME_S
from souk_users.manifest import service
from souk_users.operations import (
    Users,
    find_contacts,
    get_user,
    open_session,
    register_user,
)
from souk_users.records import SignIn, SignInFailures

AsCaller = Callable[..., Context[Users]]
PASSWORD = "correct horse"
ADA = NewUser(email="Ada@Example.org", password=PASSWORD, name="Ada")


def credentials(password: str = PASSWORD, email: str = "ada@example.org") -> Credentials:
    return Credentials(email=email, password=password)


async def refused(call: Any) -> SoukError:
    with pytest.raises(SoukError) as caught:
        await call
    return caught.value


async def failures(users: Users, email: str = "ada@example.org") -> int:
    return sum(each.count for each in (await users.store.get(SignInFailures, [email])).values())


@pytest.fixture
async def ada(as_caller: AsCaller) -> UserProfile:
    return await register_user(as_caller(), ADA)


class TestRegister:
    """Opening an account."""

    async def test_the_profile_is_as_given(self, ada: UserProfile, clock: ManualClock) -> None:
        assert (ada.email, ada.name, ada.created_at) == ("Ada@Example.org", "Ada", clock.now())

    async def test_it_is_published_with_the_trace(self, ada: UserProfile, users: Users, as_caller: AsCaller) -> None:
        outbox = list(users.store.tables["outbox"].values())  # type: ignore[attr-defined] # the memory store
        [event] = [each for stored in outbox for each in unpack(stored.json, UserRegistered)]
        assert event.data == UserRegistered(user_id=ada.user_id, email=ada.email, name=ada.name)
        assert event.traceparent == as_caller().traceparent

    async def test_the_password_is_kept_as_a_hash(self, ada: UserProfile, users: Users) -> None:
        [known] = (await users.store.get(SignIn, ["ada@example.org"])).values()
        assert known.password_hash.startswith("$argon2id$")
        assert PASSWORD not in known.password_hash

    async def test_an_address_in_use_is_refused_in_any_case(
        self, ada: UserProfile, as_caller: AsCaller, users: Users
    ) -> None:
        again = NewUser(email="ADA@example.ORG", password="another one", name="Eve")
        error = await refused(register_user(as_caller(), again))
        assert (error.kind, error.code) == (ErrorKind.CONFLICT, "email_taken")
        assert len(users.store.tables["outbox"]) == 1  # type: ignore[attr-defined] # the memory store

    async def test_of_two_at_once_one_gets_the_address(self, as_caller: AsCaller) -> None:
        results = await asyncio.gather(*(register_user(as_caller(), ADA) for _ in range(2)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["SoukError", "UserProfile"]

    async def test_no_unit_is_open_while_hashing(self, as_caller: AsCaller, monkeypatch: pytest.MonkeyPatch) -> None:
        open_while_hashing: list[bool] = []

        async def hash_password(_: str) -> str:
            open_while_hashing.append(unit_is_open.get())
            return "hash"

        monkeypatch.setattr(operations, "hash_password", hash_password)
        await register_user(as_caller(), ADA)
        assert open_while_hashing == [False]


class TestSignIn:
    """Opening a session."""

    async def test_the_token_is_a_customers_for_eight_hours(
        self, ada: UserProfile, as_caller: AsCaller, users: Users, clock: ManualClock
    ) -> None:
        clock.set_now(datetime.now(UTC) - timedelta(seconds=SESSION_LIFETIME_S - 60))
        session = await open_session(as_caller(), credentials())
        assert (session.user_id, session.expires_in) == (ada.user_id, 8 * 3600)
        verifier = TokenVerifier(PublicKeys.from_jwks(jwks([users.key])))
        caller = verifier.verify(session.token)
        assert caller.identity == Identity(Role.CUSTOMER, ada.user_id)
        clock.set_now(datetime.now(UTC) - timedelta(seconds=SESSION_LIFETIME_S + 60))
        late = await open_session(as_caller(), credentials())
        with pytest.raises(SoukError, match="expired_token"):
            verifier.verify(late.token)

    async def test_the_address_may_be_written_in_any_case(self, ada: UserProfile, as_caller: AsCaller) -> None:
        session = await open_session(as_caller(), credentials(email="ADA@EXAMPLE.ORG"))
        assert session.user_id == ada.user_id

    async def test_unknown_and_wrong_look_alike(
        self, ada: UserProfile, as_caller: AsCaller, users: Users, hasher: Any
    ) -> None:
        wrong = await refused(open_session(as_caller(), credentials("wrong")))
        compared_for_wrong = hasher.compared
        unknown = await refused(open_session(as_caller(), credentials("wrong", email="eve@example.org")))
        assert (wrong.kind, wrong.code, wrong.detail, wrong.fields) == (
            unknown.kind,
            unknown.code,
            unknown.detail,
            unknown.fields,
        )
        assert wrong.kind is ErrorKind.UNAUTHENTICATED
        assert (compared_for_wrong, hasher.compared) == (1, 2)
        for email in ("ada@example.org", "eve@example.org"):
            assert await failures(users, email) == 1

    async def test_the_unknown_users_hash_opens_nothing(self, as_caller: AsCaller) -> None:
        error = await refused(open_session(as_caller(), credentials("nobody", email="eve@example.org")))
        assert error.code == "wrong_credentials"

    @pytest.mark.parametrize("email", ["ada@example.org", "eve@example.org"])
    async def test_too_many_failures_block_even_the_right_password(
        self, ada: UserProfile, as_caller: AsCaller, clock: ManualClock, hasher: Any, email: str
    ) -> None:
        for _ in range(MAX_FAILURES):
            assert (await refused(open_session(as_caller(), credentials("wrong", email)))).code == "wrong_credentials"
        compared = hasher.compared
        blocked = await refused(open_session(as_caller(), credentials(PASSWORD, email)))
        assert (blocked.kind, blocked.code) == (ErrorKind.TOO_MANY, "too_many_attempts")
        assert hasher.compared == compared

    async def test_a_block_ends_with_its_window(
        self, ada: UserProfile, as_caller: AsCaller, clock: ManualClock
    ) -> None:
        for _ in range(MAX_FAILURES):
            await refused(open_session(as_caller(), credentials("wrong")))
        clock.advance(FAILURE_WINDOW.total_seconds() - 1)
        assert (await refused(open_session(as_caller(), credentials()))).code == "too_many_attempts"
        clock.advance(1)
        assert (await open_session(as_caller(), credentials())).user_id == ada.user_id

    async def test_the_right_password_clears_the_count(
        self, ada: UserProfile, as_caller: AsCaller, users: Users
    ) -> None:
        for _ in range(MAX_FAILURES - 1):
            await refused(open_session(as_caller(), credentials("wrong")))
        await open_session(as_caller(), credentials())
        assert await failures(users) == 0

    async def test_guesses_at_once_do_not_outrun_the_count(
        self, ada: UserProfile, as_caller: AsCaller, hasher: Any
    ) -> None:
        errors = await asyncio.gather(
            *(refused(open_session(as_caller(), credentials(f"guess {n}"))) for n in range(3 * MAX_FAILURES))
        )
        codes = [error.code for error in errors]
        assert codes.count("wrong_credentials") == MAX_FAILURES
        assert codes.count("too_many_attempts") == 2 * MAX_FAILURES
        assert hasher.compared == MAX_FAILURES

    async def test_many_right_sign_ins_at_once_all_succeed(
        self, ada: UserProfile, as_caller: AsCaller, users: Users
    ) -> None:
        sessions = await asyncio.gather(*(open_session(as_caller(), credentials()) for _ in range(2 * MAX_FAILURES)))
        assert {session.user_id for session in sessions} == {ada.user_id}
        assert len(users.turns) == 0

    async def test_a_turn_that_is_given_up_is_passed_on(self, users: Users) -> None:
        order: list[str] = []

        async def take(name: str) -> None:
            async with users.turns.of("a@b.c"):
                order.append(name)
                await asyncio.sleep(0)

        first, second, third = (asyncio.create_task(take(name)) for name in ("first", "second", "third"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([first, second, third])
        assert order == ["first", "third"]
        assert len(users.turns) == 0

    async def test_neither_password_nor_token_is_logged(
        self, ada: UserProfile, as_caller: AsCaller, log_lines: Any
    ) -> None:
        session = await open_session(as_caller(), credentials())
        await refused(open_session(as_caller(), credentials("wrong secret")))
        written = repr(log_lines.lines)
        assert [line["message"] for line in log_lines.lines] == ["user registered", "session opened", "sign-in failed"]
        assert PASSWORD not in written
        assert "wrong secret" not in written
        assert session.token not in written
        assert "argon2" not in written
        assert "example.org" not in written.lower()


class TestProfile:
    """Reading a profile."""

    async def test_the_user_and_administrators_see_it(self, ada: UserProfile, as_caller: AsCaller) -> None:
        for identity in (Identity(Role.CUSTOMER, ada.user_id), Identity(Role.ADMIN, "root")):
            assert await get_user(as_caller(identity), UserRef(user_id=ada.user_id)) == ada

    @pytest.mark.parametrize(
        "identity",
        [Identity(Role.CUSTOMER, "eve"), Identity(Role.CUSTOMER), Identity(Role.GUEST, None, "order-1")],
    )
    async def test_others_are_refused_before_anything_is_looked_up(
        self, ada: UserProfile, as_caller: AsCaller, users: Users, identity: Identity
    ) -> None:
        users.store.reachable = False  # type: ignore[attr-defined] # the memory store
        for user_id in (ada.user_id, "nobody"):
            error = await refused(get_user(as_caller(identity), UserRef(user_id=user_id)))
            assert (error.kind, error.code) == (ErrorKind.FORBIDDEN, "not_yours")

    async def test_an_administrator_is_told_that_there_is_none(self, as_caller: AsCaller) -> None:
        error = await refused(get_user(as_caller(Identity(Role.ADMIN)), UserRef(user_id="nobody")))
        assert error.code == "user_not_found"


async def test_contacts_are_of_those_who_exist(ada: UserProfile, as_caller: AsCaller) -> None:
    found = await find_contacts(as_caller(), ContactsQuery(user_ids=(ada.user_id, "nobody", ada.user_id)))
    assert [(contact.user_id, contact.email, contact.name) for contact in found.items] == [
        (ada.user_id, "Ada@Example.org", "Ada")
    ]


class TestManyProcesses:
    """Processes that share a store and nothing else, on the model of DynamoDB, where the second to write is refused."""

    @pytest.fixture
    def processes(self, clock: ManualClock, users: Users) -> list[Users]:
        slow = (0.005, 0.010)
        limits = Limits(metered=False)
        model = DynamoModel(service.tables, limits, Latency(read=(0.0, 0.001), write=slow, transaction=slow))
        stores = [DynamoRecords(RetryingClient(model), "users", clock) for _ in range(8)]
        return [Users(store, users.queues, users.key) for store in stores]

    async def test_an_address_that_all_want_is_taken_for_all_but_one(
        self, processes: list[Users], as_caller: AsCaller
    ) -> None:
        answers = await asyncio.gather(
            *(register_user(as_caller(deps=deps), ADA) for deps in processes), return_exceptions=True
        )
        codes = sorted(answer.code for answer in answers if isinstance(answer, SoukError))
        assert codes == ["email_taken"] * 7
        assert await processes[0].store.outbox_size() == 1

    async def test_wrong_passwords_at_once_are_all_counted(self, processes: list[Users], as_caller: AsCaller) -> None:
        errors = await asyncio.gather(
            *(refused(open_session(as_caller(deps=deps), credentials("wrong"))) for deps in processes)
        )
        assert {error.code for error in errors} == {"wrong_credentials"}
        assert await failures(processes[0]) == 8
