"""The audit's report: checks by name, how much each looked at, and every breach."""

from collections.abc import Collection, Sequence

import msgspec

MAX_BREACHES = 1_000
"""The most breaches of one check that are named; the rest is counted."""

CHECKS = (
    "orders_ended",
    "money_matches_orders",
    "provider_agrees",
    "charged_once",
    "charged_without_order",
    "stock_ledger",
    "stock_not_negative",
    "stock_matches_reservations",
    "reservations_match_orders",
    "reserved_without_order",
    "mails_match_orders",
    "queues_drained",
    "no_dead_letters",
)


class CheckResult(msgspec.Struct, frozen=True):
    """One check."""

    name: str
    ok: bool
    checked: int
    breaches: list[str]


class AuditReport(msgspec.Struct, frozen=True):
    """All checks: what `souk audit --json` prints."""

    ok: bool
    checks: list[CheckResult]


class Findings:
    """Gathers what the checks find in one round."""

    def __init__(self) -> None:
        self._checked = dict.fromkeys(CHECKS, 0)
        self._breaches: dict[str, dict[str, str]] = {name: {} for name in CHECKS}

    def check(self, name: str, holds: bool, breach: str, known_by: str | None = None) -> None:
        """Count one look, and name the breach if it does not hold.

        `known_by` tells whether another round found the same, where the text changes with time; else the text does.
        """
        self._checked[name] += 1
        if not holds:
            self._breaches[name][known_by or breach] = breach

    def keys(self, name: str) -> Collection[str]:
        """What each breach of a check is known by."""
        return self._breaches[name].keys()

    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not any(self._breaches.values())

    def report(self, earlier: Sequence["Findings"] = ()) -> AuditReport:
        """The report, with the breaches alone that every earlier round found too."""
        checks = []
        for name in CHECKS:
            breaches = [
                breach
                for key, breach in self._breaches[name].items()
                if all(key in findings.keys(name) for findings in earlier)
            ]
            shown = breaches[:MAX_BREACHES]
            if len(breaches) > MAX_BREACHES:
                shown.append(f"and {len(breaches) - MAX_BREACHES} more")
            checks.append(CheckResult(name, not breaches, self._checked[name], shown))
        return AuditReport(all(check.ok for check in checks), checks)
