"""The users service's use cases: opening an account, signing in, profiles and contacts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey
from souk_chassis.auth.passwords import hash_password, verify_password
from souk_chassis.auth.tokens import sign_public
from souk_chassis.context import Context
from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.ports import QueueBooks
from souk_chassis.storage.records import RecordStore, RecordUnit
from souk_contracts.users import (
    Contact,
    Contacts,
    ContactsQuery,
    Credentials,
    EmailTaken,
    NewUser,
    Session,
    TooManyAttempts,
    UserNotFound,
    UserProfile,
    UserRef,
    UserRegistered,
    WrongCredentials,
)
from souk_users.domain import FAILURE_WINDOW, SESSION_LIFETIME_S, canonical_password, email_key, is_blocked
from souk_users.records import SignIn, SignInFailures, User


class Turns:
    """Lets one sign-in for an e-mail address through at a time, so that many at once can't outrun their count.

    Between processes the count in the store holds: each further process lets through one attempt more at most.
    """

    def __init__(self) -> None:
        self._lines: dict[str, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Wait for the key's turn."""
        lock, users = self._lines.get(key, (asyncio.Lock(), 0))
        self._lines[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._lines.pop(key)
            if users > 1:
                self._lines[key] = (lock, users - 1)


@dataclass(frozen=True)
class Users:
    """What the operations of this service stand on. Sessions are signed with `key`."""

    store: RecordStore
    queues: QueueBooks
    key: SigningKey
    turns: Turns = field(default_factory=Turns)


async def register_user(ctx: Context[Users], request: NewUser) -> UserProfile:
    """Open an account. The hash is made first: it takes long, and a unit of work holds a connection."""
    password_hash = await hash_password(canonical_password(request.password))
    user = User(user_id=uuid7(), email=request.email, name=request.name, created_at=ctx.now)
    sign_in = SignIn(email_key=email_key(request.email), user_id=user.user_id, password_hash=password_hash)

    async def keep() -> None:
        async with ctx.unit() as unit:
            if not await unit.add([sign_in]):
                raise EmailTaken(email="has an account")
            unit.put(user)
            unit.publish(UserRegistered(user_id=user.user_id, email=user.email, name=user.name), ctx.traceparent)

    await retry_on_conflict(keep)
    ctx.log.info("user registered", ctx.traceparent, userId=user.user_id)
    return _profile(user)


async def open_session(ctx: Context[Users], request: Credentials) -> Session:
    """Sign in. An unknown address and a wrong password look alike: the same work, the same count, the same error."""
    deps, key = ctx.deps, email_key(request.email)
    async with deps.turns.of(key):
        sign_in: SignIn | None = await ctx.find(SignIn, key)
        known: SignInFailures | None = await ctx.find(SignInFailures, key)
        user_id, password_hash = (sign_in.user_id, sign_in.password_hash) if sign_in else (None, None)
        if known is not None and is_blocked(known.count):
            ctx.log.warning("sign-in refused after too many failures", ctx.traceparent, userId=user_id)
            raise TooManyAttempts.after(FAILURE_WINDOW.total_seconds())
        right = await verify_password(password_hash, canonical_password(request.password))
        if not right or user_id is None:
            await _count_failure(ctx, key)
            ctx.log.warning("sign-in failed", ctx.traceparent, userId=user_id)
            raise WrongCredentials()
        if known is not None:
            async with ctx.unit() as unit:
                unit.delete(SignInFailures, [key])
    token = sign_public(deps.key, Identity(Role.CUSTOMER, user_id), issued_at=ctx.now, lifetime_s=SESSION_LIFETIME_S)
    ctx.log.info("session opened", ctx.traceparent, userId=user_id)
    return Session(token=token, expires_in=SESSION_LIFETIME_S, user_id=user_id)


async def get_user(ctx: Context[Users], request: UserRef) -> UserProfile:
    """A profile. Whose it is is asked first, so that strangers can't learn which ids exist."""
    ctx.must_own(ctx.identity.owns_user(request.user_id))
    user: User | None = await ctx.find(User, request.user_id)
    if user is None:
        raise UserNotFound()
    return _profile(user)


async def find_contacts(ctx: Context[Users], request: ContactsQuery) -> Contacts:
    """Where those users who exist are reached."""
    users = (await ctx.get(User, request.user_ids)).values()
    return Contacts(items=tuple(Contact(user_id=user.user_id, email=user.email, name=user.name) for user in users))


async def _count_failure(ctx: Context[Users], key: str) -> None:
    """Count one more in the window that is running, or begin one. Guesses at once are all counted."""

    async def count() -> None:
        unit: RecordUnit
        async with ctx.unit() as unit:
            first = SignInFailures(email_key=key, count=1, ends_at=ctx.now + FAILURE_WINDOW)
            if not await unit.add([first]):
                known = (await unit.get(SignInFailures, [key]))[key]
                unit.put(replace(known, count=known.count + 1))

    await retry_on_conflict(count)


def _profile(user: User) -> UserProfile:
    return UserProfile(user_id=user.user_id, email=user.email, name=user.name, created_at=user.created_at)
