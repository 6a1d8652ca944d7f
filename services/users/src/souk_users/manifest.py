"""The users service's declaration."""

from souk_chassis.manifest import Database, Part, Service, Uses
from souk_chassis.queues import queue_operations
from souk_contracts.users import FindContacts, GetUser, OpenSession, RegisterUser, UserRegistered
from souk_users.operations import find_contacts, get_user, open_session, register_user
from souk_users.tables import EMAILS, EVENTS, FAILED, USERS

service = Service(
    "users",
    "user-service",
    owns=[Database("souk_users"), USERS, EMAILS, FAILED, EVENTS],
    implements={
        RegisterUser: register_user,
        OpenSession: open_session,
        GetUser: get_user,
        FindContacts: find_contacts,
        **queue_operations("users", frozenset()),
    },
    publishes=[UserRegistered],
    parts={
        Part.HTTP: Uses(
            tables={
                USERS: "GetItem PutItem",
                EMAILS: "GetItem PutItem",
                FAILED: "GetItem PutItem UpdateItem DeleteItem",
                EVENTS: "GetItem Query PutItem",
            },
            signs=True,
        ),
        Part.CALLS: Uses(tables={USERS: "BatchGetItem"}),
        Part.EVENTS: Uses(tables={FAILED: "Query DeleteItem", EVENTS: "Query BatchWriteItem"}),
    },
)
