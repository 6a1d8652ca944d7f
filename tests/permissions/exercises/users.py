"""What the functions of the users service do."""

from souk_chassis.ids import uuid7
from souk_chassis.manifest import Part
from souk_contracts.users import ContactsQuery, FindContacts
from souk_users.manifest import service
from tests.permissions.events import answer, call, http
from tests.permissions.exercise import exercise, key_of, queues_exercises
from tests.permissions.stage import Stage

HTTP, CALLS, EVENTS = (service.function(part) for part in Part)
PASSWORD = "correct horse"

queues_exercises(service)


def registered(stage: Stage) -> tuple[str, str]:
    """The id and the address of a new account."""
    email = f"{uuid7()}@example.org"
    event = http("POST /users", {"email": email, "password": PASSWORD, "name": "Ann"})
    return answer(stage.prepare(HTTP, event), 201)["userId"], email


@exercise(HTTP)
def registers(stage: Stage) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": PASSWORD, "name": "Ann"}
    answer(stage.act(http("POST /users", body)), 201)


@exercise(HTTP)
def shows_a_profile(stage: Stage) -> None:
    user_id, email = registered(stage)
    assert answer(stage.act(http("GET /users/{userId}", userId=user_id)), 200)["email"] == email


@exercise(HTTP)
def counts_wrong_passwords_and_forgets_them(stage: Stage) -> None:
    _, email = registered(stage)
    for password, status in (("wrong", 401), ("wrong", 401), (PASSWORD, 200)):
        answer(stage.act(http("POST /sessions", {"email": email, "password": password})), status)


@exercise(CALLS)
def finds_contacts(stage: Stage) -> None:
    user_id, _ = registered(stage)
    event = call(FindContacts, ContactsQuery(user_ids=(user_id,)), key_of(stage, "notifications"))
    assert stage.act(event)["status"] == 200


@exercise(EVENTS)
def forgets_old_failures(stage: Stage) -> None:
    body = {"email": f"{uuid7()}@example.org", "password": "wrong"}
    answer(stage.prepare(HTTP, http("POST /sessions", body)), 401)
    stage.act_rounds()
