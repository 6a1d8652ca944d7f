"""Users: accounts, sessions and profiles."""

from datetime import datetime
from typing import Annotated

import msgspec

from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.events.event import Event
from souk_chassis.ids import Id
from souk_chassis.operation import GET, POST, Access, Operation, Throttle
from souk_chassis.text import PRINTABLE, Email, ShortText
from souk_chassis.wire import Lenient, Message

Password = Annotated[
    str,
    msgspec.Meta(
        min_length=8, max_length=256, pattern=PRINTABLE, description="8 to 256 characters (NIST SP 800-63B, 5.1.1)"
    ),
]

PASSWORD_THROTTLE = Throttle(rate_per_s=20.0, burst=100)
"""Of what hashes a password, which takes a core for some 50 ms. A burst of each is what a process lets wait for it."""

EmailTaken = ErrorType(ErrorKind.CONFLICT, "email_taken", "There is an account with this e-mail address.")
WrongCredentials = ErrorType(ErrorKind.UNAUTHENTICATED, "wrong_credentials", "The e-mail or the password is wrong.")
UserNotFound = ErrorType(ErrorKind.NOT_FOUND, "user_not_found", "There is no such user.")
TooManyAttempts = ErrorType(ErrorKind.TOO_MANY, "too_many_attempts", "Too many failed attempts: wait and try again.")


class NewUser(Message, frozen=True, kw_only=True):
    """An account to be opened."""

    email: Email
    password: Password
    name: ShortText


class Credentials(Message, frozen=True, kw_only=True):
    """What a customer signs in with."""

    email: Email
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=PRINTABLE)]


class Session(Lenient, frozen=True, kw_only=True):
    """A bearer token. `expires_in` is in seconds."""

    token: str
    expires_in: int
    user_id: str


class UserRef(Message, frozen=True, kw_only=True):
    """One user, by id."""

    user_id: Id


class UserProfile(Lenient, frozen=True, kw_only=True):
    """What a user and administrators see of an account."""

    user_id: str
    email: str
    name: str
    created_at: datetime


class ContactsQuery(Message, frozen=True, kw_only=True):
    """The users whose contacts are asked for."""

    user_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)]


class Contact(Lenient, frozen=True, kw_only=True):
    """Where a user is reached."""

    user_id: str
    email: str
    name: str


class Contacts(Lenient, frozen=True, kw_only=True):
    """The contacts of those users who exist, in no order."""

    items: tuple[Contact, ...]


RegisterUser = Operation(
    "register_user",
    "users",
    POST("/users"),
    request=NewUser,
    response=UserProfile,
    status=201,
    access=Access.PUBLIC,
    summary="Open an account",
    errors=[EmailTaken],
    throttle=PASSWORD_THROTTLE,
    location="/users/{userId}",
)
OpenSession = Operation(
    "open_session",
    "users",
    POST("/sessions"),
    request=Credentials,
    response=Session,
    access=Access.PUBLIC,
    summary="Sign in: get a token for an e-mail and a password",
    errors=[WrongCredentials, TooManyAttempts],
    throttle=PASSWORD_THROTTLE,
)
GetUser = Operation(
    "get_user",
    "users",
    GET("/users/{userId}"),
    request=UserRef,
    response=UserProfile,
    access=Access.OWNER,
    summary="A profile, to that user and to administrators",
    idempotent=True,
    errors=[UserNotFound],
)
FindContacts = Operation(
    "find_contacts",
    "users",
    None,
    request=ContactsQuery,
    response=Contacts,
    access=Access.SERVICE,
    summary="Where users are reached",
    idempotent=True,
)


class UserRegistered(Event, frozen=True, kw_only=True):
    """An account was opened."""

    user_id: str
    email: str
    name: str

    @property
    def subject(self) -> str:
        """The user's id."""
        return self.user_id
