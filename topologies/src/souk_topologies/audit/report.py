"""The audit's report: checks by name, how much each looked at, and every breach."""

from collections.abc import Sequence

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
    """Gathers what the checks find."""

    def __init__(self) -> None:
        self._checked = dict.fromkeys(CHECKS, 0)
        self._breaches: dict[str, list[str]] = {name: [] for name in CHECKS}

    def check(self, name: str, holds: bool, breach: str) -> None:
        """Count one look, and name the breach if it does not hold."""
        self._checked[name] += 1
        if not holds:
            self._breaches[name].append(breach)

    def report(self) -> AuditReport:
        """The report."""
        checks = []
        for name in CHECKS:
            breaches = self._breaches[name]
            shown = breaches[:MAX_BREACHES]
            if len(breaches) > MAX_BREACHES:
                shown.append(f"and {len(breaches) - MAX_BREACHES} more")
            checks.append(CheckResult(name, not breaches, self._checked[name], shown))
        return AuditReport(all(check.ok for check in checks), checks)


def in_all(reports: Sequence[AuditReport]) -> AuditReport:
    """The last report, with the breaches alone that every report names."""
    last = reports[-1]
    checks = []
    for index, check in enumerate(last.checks):
        lasting = set.intersection(*(set(report.checks[index].breaches) for report in reports))
        breaches = [breach for breach in check.breaches if breach in lasting]
        checks.append(CheckResult(check.name, not breaches, check.checked, breaches))
    return AuditReport(all(check.ok for check in checks), checks)
