"""Where a rule does not fit, and why. This list may only become shorter: an entry that is not needed any more fails."""

from collections.abc import Mapping

EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "operations_do_not_sleep": {
        "services/orders/src/souk_orders/operations.py:follow_order": (
            "it follows an order that any process may move: looking again is what works in every topology"
        ),
    },
}
"""By the name of the rule, then by the place of the breach."""
