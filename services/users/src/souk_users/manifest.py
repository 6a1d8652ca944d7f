"""The users service's declaration."""

from souk_chassis.manifest import Database, Part, Service, Uses
from souk_chassis.storage.dynamodb.record_rows import events_table_of, table_of
from souk_contracts.users import FindContacts, GetUser, OpenSession, RegisterUser, UserRegistered
from souk_users.operations import find_contacts, get_user, open_session, register_user
from souk_users.records import SignIn, SignInFailures, User

service = Service(
    "users",
    "user-service",
    owns=[Database("souk_users")],
    keeps=[User, SignIn, SignInFailures],
    implements={
        RegisterUser: register_user,
        OpenSession: open_session,
        GetUser: get_user,
        FindContacts: find_contacts,
    },
    publishes=[UserRegistered],
    parts={
        Part.HTTP: Uses(
            tables={
                table_of(User): "GetItem BatchGetItem PutItem",
                table_of(SignIn): "BatchGetItem PutItem",
                table_of(SignInFailures): "BatchGetItem PutItem DeleteItem",
                events_table_of("users"): "GetItem Query PutItem",
            },
            signs=True,
        ),
        Part.CALLS: Uses(tables={table_of(User): "BatchGetItem"}),
        Part.EVENTS: Uses(tables={events_table_of("users"): "Query BatchWriteItem"}),
    },
)
