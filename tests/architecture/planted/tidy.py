"""Breaches of the rules on sizes, names, leftovers and dead modules."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.dead_modules import modules_are_used
from tests.architecture.rules.tidy import (
    files_are_short,
    functions_are_short,
    modules_have_docstrings,
    names_say_something,
    nothing_is_left_over,
    packages_list_what_they_hand_on,
    public_names_have_docstrings,
)

_USERS = "services/users/src/souk_users"
_CHASSIS = "chassis/src/souk_chassis"
_FUNCTION = "infra/terraform/modules/function/main.tf"
_LONELY = f"{_CHASSIS}/lonely.py"

PLANTED = [
    Planted(files_are_short, lambda t: t.append(f"{_USERS}/domain.py", "A = 1\n" * 400), "at most 400"),
    Planted(files_are_short, lambda t: t.append("web/storefront/app.js", "let a;\n" * 400), "at most 400"),
    Planted(
        functions_are_short,
        lambda t: t.append(f"{_USERS}/domain.py", "def f():\n" + "    a = 1\n" * 70),
        "71 lines; at most 70",
    ),
    Planted(names_say_something, lambda t: t.plant(f"{_USERS}/utils.py", ""), "utils.py says nothing"),
    Planted(names_say_something, lambda t: t.plant("web/common/money.js", ""), "common says nothing"),
    Planted(names_say_something, lambda t: t.plant(f"{_USERS}/_helpers.py", ""), "_helpers.py says nothing"),
    Planted(nothing_is_left_over, lambda t: t.append(f"{_USERS}/domain.py", "# TO" + "DO: later"), "TO" + "DO"),
    Planted(nothing_is_left_over, lambda t: t.append("web/storefront/app.js", "// FIX" + "ME"), "FIX" + "ME"),
    Planted(modules_have_docstrings, lambda t: t.plant(f"{_USERS}/bare.py", "A = 1\n"), "has no docstring"),
    Planted(
        public_names_have_docstrings,
        lambda t: t.append(f"{_CHASSIS}/money.py", "def bare():\n    return 1\n"),
        "has no docstring",
    ),
    Planted(
        public_names_have_docstrings,
        lambda t: t.append(
            f"{_CHASSIS}/money.py", 'class Told:\n    """Told."""\n\n    def bare(self):\n        return 1\n'
        ),
        "has no docstring",
    ),
    Planted(
        packages_list_what_they_hand_on,
        lambda t: t.append(f"{_CHASSIS}/__init__.py", "from souk_chassis.money import Money\n"),
        "does not list: Money",
    ),
    Planted(modules_are_used, lambda t: t.plant(_LONELY, '"""Nobody\'s."""\n'), "nothing but its tests"),
    Planted(
        modules_are_used,
        lambda t: t.plant(_LONELY, "").plant("chassis/tests/test_lonely.py", "import souk_chassis.lonely\n"),
        "nothing but its tests",
    ),
    Planted(
        modules_are_used,
        lambda t: t.plant(_LONELY, "import souk_chassis.lonely\n"),
        "nothing but its tests",
    ),
    Planted(
        modules_are_used,
        lambda t: t.plant(_LONELY, "").append(_FUNCTION, '# handler = "souk_chassis.lonely.handler"\n'),
        "nothing but its tests",
    ),
]

INNOCENT = [
    Innocent(functions_are_short, lambda t: t.append(f"{_USERS}/domain.py", "def f():\n" + "    a = 1\n" * 69)),
    Innocent(names_say_something, lambda t: t.plant(f"{_USERS}/helpful.py", "")),
    Innocent(
        packages_list_what_they_hand_on,
        lambda t: t.append(f"{_CHASSIS}/__init__.py", 'from souk_chassis.money import Money\n__all__ = ["Money"]\n'),
    ),
    Innocent(
        modules_are_used,
        lambda t: t.plant(_LONELY, "").append(_FUNCTION, 'locals {\n  handler = "souk_chassis.lonely.handler"\n}\n'),
    ),
    Innocent(
        modules_are_used,
        lambda t: t.plant(_LONELY, "").append(f"{_USERS}/domain.py", "from souk_chassis import lonely\n"),
    ),
    Innocent(
        modules_are_used,
        lambda t: t.plant(_LONELY, "").append(f"{_USERS}/domain.py", 'RUN = ["-m", "souk_chassis.lonely"]\n'),
    ),
]
