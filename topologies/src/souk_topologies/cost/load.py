"""The load that an estimate is made for, and how it lies over a day."""

from dataclasses import dataclass
from decimal import Decimal

HOURS = Decimal(730)
"""The hours of a month, as AWS counts them: 8,760 a year over twelve."""
SECONDS = HOURS * 3600
_HOURS_A_DAY = Decimal(24)


@dataclass(frozen=True, slots=True)
class Load:
    """Orders a month, and what comes with each. `peak` is the busiest hours' rate over the average."""

    orders: Decimal
    lines: int = 3
    reads_per_order: Decimal = Decimal(20)
    peak: Decimal = Decimal(4)


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of the month in which orders come at one rate."""

    hours: Decimal
    orders_per_s: Decimal


def spans(load: Load, peak_hours_a_day: Decimal) -> tuple[Span, Span]:
    """The busy and the quiet hours of the month. All orders are in them: the quiet rate is what the busy ones leave.

    A peak of six times the average can't last longer than four hours: then it is shorter.
    """
    average = load.orders / SECONDS
    busy = min(peak_hours_a_day, _HOURS_A_DAY / load.peak)
    quiet = _HOURS_A_DAY - busy
    left = (_HOURS_A_DAY - busy * load.peak) / quiet if quiet else Decimal(0)
    return (
        Span(HOURS * busy / _HOURS_A_DAY, average * load.peak),
        Span(HOURS * quiet / _HOURS_A_DAY, average * max(left, Decimal(0))),
    )
