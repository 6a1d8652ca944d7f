"""Breaches of the rules on documents."""

from tests.architecture.planted import Innocent, Planted
from tests.architecture.rules.documents import decisions_name_what_enforces_them, readmes_show_the_states
from tests.architecture.tree import Tree

_README = "services/orders/README.md"
_DECISION = "docs/decisions/9999-planted.md"
_DIAGRAM = """
```mermaid
stateDiagram-v2
    [*] --> PENDING
    PENDING --> RESERVED: StockReserved
    {step}
```
"""


def _readme(tree: Tree, step: str) -> Tree:
    return tree.plant(_README, _DIAGRAM.format(step=step))


PLANTED = [
    Planted(readmes_show_the_states, lambda t: _readme(t, ""), "does not show CONFIRMED --> SHIPPED"),
    Planted(readmes_show_the_states, lambda t: _readme(t, "RETURNED --> PENDING"), "shows RETURNED --> PENDING"),
    Planted(readmes_show_the_states, lambda t: _readme(t, "PENDING --> LOST"), "a state LOST"),
    Planted(readmes_show_the_states, lambda t: t.plant(_README, "# orders"), "shows no diagram"),
    Planted(
        readmes_show_the_states,
        lambda t: t.plant("services/products/README.md", "    HELD --> SOLD\n"),
        "a state SOLD",
    ),
    Planted(decisions_name_what_enforces_them, lambda t: t.plant(_DECISION, "# 9999\n\nWe do.\n"), "its last line"),
    Planted(decisions_name_what_enforces_them, lambda t: t.plant(_DECISION, "Enforced by\n"), "its last line"),
    Planted(
        decisions_name_what_enforces_them,
        lambda t: t.plant(_DECISION, "Enforced by `tests/architecture/nothing.py`.\n"),
        "does not exist",
    ),
    Planted(
        decisions_name_what_enforces_them,
        lambda t: t.plant(_DECISION, "Enforced by x\n").plant("docs/decisions/9999-more.md", "Enforced by x\n"),
        "has the number of",
    ),
    Planted(
        decisions_name_what_enforces_them,
        lambda t: t.plant("docs/decisions/7-short.md", "Enforced by x\n"),
        "is not named NNNN-words.md",
    ),
]

INNOCENT = [
    Innocent(
        decisions_name_what_enforces_them,
        lambda t: t.plant(_DECISION, "# 9999\n\n**Enforced by** `tests/architecture/` and reviews.\n"),
    ),
]
