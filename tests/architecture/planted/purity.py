"""Breaches of the rules on time, settings, drivers, prints, money and faults."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.purity import (
    domains_import_values_alone,
    drivers_stay_in_adapters,
    environment_is_read_late,
    money_is_never_a_float,
    no_fault_is_swallowed,
    nothing_prints_but_programs,
    time_comes_from_the_clock,
)
from tests.architecture.tree import Rule

_OPERATIONS = "services/users/src/souk_users/operations.py"
_DOMAIN = "services/users/src/souk_users/domain.py"
_CHASSIS = "chassis/src/souk_chassis/config.py"
_DYNAMODB = "chassis/src/souk_chassis/storage/dynamodb/http_client.py"


def _add(rule: Rule, path: str, text: str, words: str) -> Planted:
    return Planted(rule, lambda t: t.append(path, text), words)


def _let(rule: Rule, path: str, text: str) -> Innocent:
    return Innocent(rule, lambda t: t.append(path, text))


PLANTED = [
    _add(drivers_stay_in_adapters, _OPERATIONS, "import asyncpg", "imports asyncpg"),
    _add(drivers_stay_in_adapters, _OPERATIONS, "def f():\n    from boto3 import client", "imports boto3"),
    _add(drivers_stay_in_adapters, _CHASSIS, "import botocore.session", "imports botocore.session"),
    _add(drivers_stay_in_adapters, _DYNAMODB, "import boto3", "imports boto3"),
    _add(drivers_stay_in_adapters, _DYNAMODB, "def f():\n    import aiohttp", "imports aiohttp"),
    _add(drivers_stay_in_adapters, _OPERATIONS, "from starlette.requests import Request", "imports starlette"),
    _add(drivers_stay_in_adapters, _OPERATIONS, "import uvicorn", "imports uvicorn"),
    _add(drivers_stay_in_adapters, _OPERATIONS, "import aiohttp", "imports aiohttp"),
    _add(drivers_stay_in_adapters, _OPERATIONS, "import aiosmtplib", "imports aiosmtplib"),
    _add(domains_import_values_alone, _DOMAIN, "import asyncio", "imports asyncio"),
    _add(domains_import_values_alone, _DOMAIN, "import msgspec", "imports msgspec"),
    _add(domains_import_values_alone, _DOMAIN, "from souk_chassis.clock import Clock", "imports souk_chassis.clock"),
    _add(domains_import_values_alone, _DOMAIN, "from souk_users.ports import UserStore", "imports souk_users.ports"),
    _add(time_comes_from_the_clock, _OPERATIONS, "import time\nAT = time.time()", "asks time.time"),
    _add(time_comes_from_the_clock, _OPERATIONS, "from time import monotonic as m\nAT = m()", "asks time.monotonic"),
    _add(
        time_comes_from_the_clock,
        _OPERATIONS,
        "from datetime import UTC, datetime\ndef f():\n    return datetime.now(UTC)",
        "asks datetime.datetime.now",
    ),
    _add(environment_is_read_late, _OPERATIONS, "import os\ndef f():\n    return os.environ['A']", "reads os.environ"),
    _add(environment_is_read_late, _OPERATIONS, "from os import getenv\ndef f():\n    return getenv('A')", "os.getenv"),
    _add(environment_is_read_late, _CHASSIS, "import os\nHOME = os.environ.get('HOME')", "os.environ at import"),
    _add(
        environment_is_read_late, _CHASSIS, "import os\ndef f(a=os.getenv('A')):\n    return a", "os.getenv at import"
    ),
    _add(environment_is_read_late, _CHASSIS, "import os\nclass C:\n    a = os.environ", "os.environ at import"),
    _add(
        money_is_never_a_float, _OPERATIONS, "def f(line):\n    return float(line.unit_price)", "float(line.unit_price)"
    ),
    _add(money_is_never_a_float, _OPERATIONS, "def f(total: float):\n    return total", "total is a float"),
    _add(money_is_never_a_float, _OPERATIONS, "class C:\n    amount: float | None = None", "amount is a float"),
    _add(no_fault_is_swallowed, _OPERATIONS, "try:\n    pass\nexcept:\n    raise", "a bare except"),
    _add(no_fault_is_swallowed, _OPERATIONS, "try:\n    f()\nexcept Exception:\n    pass", "does nothing"),
    _add(
        no_fault_is_swallowed, _OPERATIONS, "try:\n    f()\nexcept (OSError, BaseException):\n    ...", "does nothing"
    ),
    _add(
        no_fault_is_swallowed,
        _OPERATIONS,
        "from contextlib import suppress\nwith suppress(Exception):\n    f()",
        "suppress of every fault",
    ),
    _add(nothing_prints_but_programs, _OPERATIONS, "print('here')", "prints"),
]

INNOCENT = [
    _let(drivers_stay_in_adapters, "services/products/src/souk_products/storage/postgres.py", "import asyncpg.pool"),
    _let(
        domains_import_values_alone,
        _DOMAIN,
        "from souk_chassis.errors import invalid\nfrom souk_contracts import users",
    ),
    _let(time_comes_from_the_clock, _OPERATIONS, "def f(ctx):\n    return ctx.clock.now()"),
    _let(environment_is_read_late, _CHASSIS, "import os\ndef f():\n    return os.environ"),
    _let(money_is_never_a_float, _OPERATIONS, "def f(timeout_s: float):\n    return float('1')"),
    _let(no_fault_is_swallowed, _OPERATIONS, "try:\n    f()\nexcept OSError:\n    pass"),
    _let(nothing_prints_but_programs, "topologies/src/souk_topologies/cli/main.py", "print('said')"),
]
