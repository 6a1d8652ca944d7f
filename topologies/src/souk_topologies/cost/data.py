"""Prices, assumptions and the lines of bills, from the TOML files that ship with Souk or from a user's own."""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import msgspec

HERE = Path(__file__).parent
MAX_FILE_BYTES = 1_048_576
MAX_FIGURE = 1_000_000_000_000
"""The most that a file of prices or assumptions may hold, and a figure in it may be."""
T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(min_length=1)]


class CostError(Exception):
    """A file or a figure that can't be used, in one sentence."""


class Source(TypedDict):
    """Where a price was read: AWS's page, the text that was read, and the date of that text, or `undated`."""

    page: str
    read: str
    dated: str


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price up to a number of units a month; None for no end."""

    usd: Decimal
    up_to: Decimal | None = None


class Price(msgspec.Struct, forbid_unknown_fields=True):
    """US dollars for `per` units: one price, or tiers by how many are used in a month."""

    unit: Text
    source: Text
    usd: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    per: Annotated[int, msgspec.Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if (self.usd is None) == (not self.tiers):
            raise ValueError("needs either usd or tiers")
        self.tiers = self.tiers or (Tier(self.usd or Decimal(0)),)
        ends = [Decimal(0), *(figure(tier.up_to or Decimal(0)) for tier in self.tiers[:-1])]
        if ends != sorted({*ends}) or self.tiers[-1].up_to or not all(figure(tier.usd) >= 0 for tier in self.tiers):
            raise ValueError("needs tiers that ascend, the last without up_to")

    def cost(self, quantity: Decimal) -> Decimal:
        """US dollars for so many units in a month, not rounded."""
        usd, below = Decimal(0), Decimal(0)
        for tier in self.tiers:
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            usd += max(top - below, Decimal(0)) * tier.usd / self.per
            below = max(below, top)
        return usd


class PriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of prices: by region, by name."""

    as_of: date
    currency: Literal["USD"]
    sources: dict[str, Source]
    regions: dict[str, dict[str, Price]]


class Assumption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure that is neither a price nor part of the load: a number, a yes or no, a word, or a number by name.

    `terraform` names the variable of infra/terraform/environments/aws that has the same default.
    """

    value: Any
    unit: Text
    why: Text
    terraform: str = ""

    def given(self, value: Any) -> Any:
        """A value from a file as this one's kind; a table changes the entries that it names. Raises ValueError."""
        if isinstance(self.value, dict):
            entries = msgspec.convert(value, dict[str, Decimal])
            return {**self.value, **{name: figure(each, name=f"{name} ") for name, each in entries.items()}}
        if isinstance(self.value, bool | str):
            return msgspec.convert(value, type(self.value))
        return figure(msgspec.convert(value, Decimal, strict=False), 1 if self.unit.startswith("share") else MAX_FIGURE)


def figure(number: Decimal, most: int = MAX_FIGURE, name: str = "") -> Decimal:
    """The number. Raises ValueError where it is none, negative, or above the most."""
    if not number.is_finite() or not 0 <= number <= most:
        raise ValueError(f"{name}can't be {number}")
    return number


def read_assumptions(path: Path | None = None) -> Mapping[str, Assumption]:
    """The assumptions, with the values that a TOML file gives in their place. Raises CostError."""
    assumed = _read(HERE / "assumptions.toml", dict[str, Assumption])
    shipped = {name: each.value for name, each in assumed.items()}
    for name, value in [*shipped.items(), *(_read(path, dict[str, Any]) if path else {}).items()]:
        if name not in assumed:
            raise CostError(f"{path}: there is no assumption {name}")
        try:
            assumed[name] = msgspec.structs.replace(assumed[name], value=assumed[name].given(value))
        except ValueError as error:
            raise CostError(f"{path}: {name}: {error}") from None
    return assumed


def read_prices(region: str, path: Path | None = None) -> PriceList:
    """The prices from a file, or from the one that ships with Souk. Raises CostError, also without that region."""
    path = path or HERE / "prices.toml"
    prices = _read(path, PriceList)
    if region not in prices.regions:
        raise CostError(f"{path.name} has no prices for {region}, only for {', '.join(sorted(prices.regions))}")
    for name, price in prices.regions[region].items():
        if price.source not in prices.sources:
            raise CostError(f"{path}: {name} names a source {price.source} that is not there")
    return prices


@cache
def read_bills() -> tuple[Mapping[str, str], Mapping[str, list[dict[str, str]]]]:
    """bill.toml: formulas by name, and the lines of each bill."""
    bills = _read(HERE / "bill.toml", dict[str, Any])
    return bills["names"], bills["lines"]


def _read(path: Path, kind: type[T]) -> T:
    """A TOML file, its decimal numbers exact. Raises CostError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CostError(f"{path} is larger than {MAX_FILE_BYTES:,} bytes")
        return msgspec.convert(tomllib.loads(path.read_text("utf-8"), parse_float=Decimal), kind)
    except OSError as error:
        raise CostError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise CostError(f"{path} is no TOML, or not of this form: {error}") from None
