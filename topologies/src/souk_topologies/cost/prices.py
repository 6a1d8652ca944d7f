"""Prices from a dated file that names its sources. One without unit, source or date makes the file refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from souk_topologies.cost.faults import CostError, read_toml

OLD_AFTER = timedelta(days=365)
"""AWS changes its prices: a file that is older gets a warning."""
UNDATED = "undated"

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Address = Annotated[str, msgspec.Meta(pattern=r"^https://\S+$")]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a price was read: AWS's page, the text that was read, and the date that this text bears."""

    page: _Address
    read: _Address
    dated: Annotated[str, msgspec.Meta(pattern=rf"^(\d{{4}}-\d{{2}}-\d{{2}}|{UNDATED})$")]


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price up to a number of units a month; None for no end."""

    usd: Decimal
    up_to: Decimal | None = None


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unit: _Text
    source: _Text
    usd: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    per: Annotated[int, msgspec.Meta(ge=1)] = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: date
    currency: Literal["USD"]
    sources: dict[str, Source]
    regions: dict[str, dict[str, _Row]]


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs: US dollars for `per` units, by how many are used in a month."""

    name: str
    unit: str
    per: int
    tiers: tuple[Tier, ...]
    source: str

    def cost(self, quantity: Decimal) -> Decimal:
        """US dollars for this many units in a month, not rounded."""
        usd, below = Decimal(0), Decimal(0)
        for tier in self.tiers:
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            usd += max(top - below, Decimal(0)) * tier.usd / self.per
            below = max(below, top)
        return usd


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one region."""

    as_of: date
    region: str
    prices: Mapping[str, Price]
    sources: Mapping[str, Source]

    def __getitem__(self, name: str) -> Price:
        try:
            return self.prices[name]
        except KeyError:
            raise CostError(f"the prices of {self.region} have no {name}") from None

    @property
    def oldest_source(self) -> str:
        """The earliest date that a source bears, as ISO 8601; empty if none bears one."""
        return min((source.dated for source in self.sources.values() if source.dated != UNDATED), default="")

    def warnings(self, today: date) -> Sequence[str]:
        """What a reader of the figures must know of the prices' age."""
        if today - self.as_of <= OLD_AFTER:
            return []
        return [f"the prices are of {self.as_of}, more than a year ago: AWS may have changed them since"]


def read_prices(region: str, path: Path | None = None) -> PriceList:
    """The prices of a region, from a file or from the newest that ships with Souk. Raises CostError."""
    if path is not None:
        return _read(region, path)
    shipped = max(
        (each for each in files(__package__).iterdir() if each.name.startswith("prices-")), key=lambda it: it.name
    )
    with as_file(shipped) as there:
        return _read(region, there)


def _read(region: str, path: Path) -> PriceList:
    try:
        found = msgspec.convert(read_toml(path), _File)
    except msgspec.ValidationError as error:
        raise CostError(f"{path}: {error}") from None
    if region not in found.regions:
        raise CostError(f"{path.name} has no prices for {region}, only for {', '.join(sorted(found.regions))}")
    prices = {}
    for name, row in found.regions[region].items():
        if row.source not in found.sources:
            raise CostError(f"{path}: {name} names a source {row.source} that is not there")
        prices[name] = Price(name, row.unit, row.per, _tiers(row, f"{path}: {name}"), row.source)
    return PriceList(found.as_of, region, prices, found.sources)


def _tiers(row: _Row, where: str) -> tuple[Tier, ...]:
    """The tiers of a price, which ascend to one without end. Raises CostError."""
    if (row.usd is None) == (not row.tiers):
        raise CostError(f"{where} needs either usd or tiers")
    tiers = row.tiers if row.usd is None else (Tier(row.usd),)
    if any(not tier.usd.is_finite() or tier.usd < 0 for tier in tiers):
        raise CostError(f"{where} has a price that can't be")
    tops = [tier.up_to for tier in tiers]
    ends = [top for top in tops[:-1] if top is not None and top.is_finite()]
    if tops[-1] is not None or len(ends) != len(tops) - 1 or ends != sorted({*ends}) or any(end <= 0 for end in ends):
        raise CostError(f"{where} needs tiers that ascend, the last without up_to")
    return tiers
