"""Breaches of the rules on service folders."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.folders import (
    migrations_are_numbered,
    readmes_of_services_are_short,
    services_have_the_same_files,
    tests_mirror_the_source,
)

_USERS = "services/users/src/souk_users"

PLANTED = [
    Planted(
        services_have_the_same_files,
        lambda t: t.remove("services/users/tests/test_domain.py"),
        "every service has this file",
    ),
    Planted(services_have_the_same_files, lambda t: t.remove(f"{_USERS}/records.py"), "every service has this file"),
    Planted(
        services_have_the_same_files,
        lambda t: t.plant(f"{_USERS}/storage/memory.py", ""),
        "every service has this file",
    ),
    Planted(
        services_have_the_same_files, lambda t: t.remove("services/users/README.md"), "every service has this file"
    ),
    Planted(
        services_have_the_same_files,
        lambda t: t.remove("services/orders/src/souk_orders/consumers.py"),
        "every service has this file",
    ),
    Planted(services_have_the_same_files, lambda t: t.plant(f"{_USERS}/models.py", ""), "explain it in EXTRA"),
    Planted(services_have_the_same_files, lambda t: t.plant("services/users/notes.txt", ""), "explain it in EXTRA"),
    Planted(
        services_have_the_same_files,
        lambda t: t.remove("services/orders/src/souk_orders/backlog.py"),
        "EXTRA need not explain it",
    ),
    Planted(migrations_are_numbered, lambda t: t.plant(f"{_USERS}/migrations/0009_late.sql", ""), "0009"),
    Planted(
        readmes_of_services_are_short,
        lambda t: t.append("services/users/README.md", "A line.\n" * 61),
        "at most 60",
    ),
    Planted(
        tests_mirror_the_source, lambda t: t.plant("services/users/tests/test_nothing.py", ""), "mirrors no module"
    ),
    Planted(
        tests_mirror_the_source, lambda t: t.plant("services/users/tests/x/test_domain.py", ""), "mirrors no module"
    ),
]

INNOCENT = [
    Innocent(tests_mirror_the_source, lambda t: t.plant("services/users/tests/test_operations_sessions.py", "")),
]
