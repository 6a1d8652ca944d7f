"""The users service's declaration."""

from souk_chassis.manifest import Part, Service, Uses
from souk_contracts.users import FindContacts, GetUser, OpenSession, RegisterUser, UserRegistered
from souk_users.operations import find_contacts, get_user, open_session, register_user
from souk_users.records import SignIn, SignInFailures, User

service = Service(
    "users",
    "user-service",
    keeps=[User, SignIn, SignInFailures],
    implements={
        RegisterUser: register_user,
        OpenSession: open_session,
        GetUser: get_user,
        FindContacts: find_contacts,
    },
    publishes=[UserRegistered],
    parts={
        Part.HTTP: Uses(signs=True),
        Part.CALLS: Uses(reads=[User]),
    },
)
