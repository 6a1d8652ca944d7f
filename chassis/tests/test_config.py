"""Configuration: read once, by type, with an error that names the variable."""

from typing import Annotated, Literal

import msgspec
import pytest

from souk_chassis.config import ConfigError, read_config


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    smtp_url: str
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    ratio: float = 0.5
    verbose: bool = False
    mode: Literal["sandbox", "stripe"] = "sandbox"
    key: str | None = None


def test_variables_fill_the_fields_of_their_name() -> None:
    environment = {"SOUK_SMTP_URL": "smtp://mail", "SOUK_PORT": "25", "SOUK_VERBOSE": "true", "SOUK_MODE": "stripe"}
    read = read_config(Settings, environment | {"PORT": "1", "SOUK_UNKNOWN": "x"})
    assert read == Settings(smtp_url="smtp://mail", port=25, verbose=True, mode="stripe")


def test_what_is_empty_is_not_set() -> None:
    assert read_config(Settings, {"SOUK_SMTP_URL": "x", "SOUK_PORT": "", "SOUK_KEY": ""}) == Settings(smtp_url="x")


def test_a_prefix_of_ones_own() -> None:
    assert read_config(Settings, {"SHOP_SMTP_URL": "x"}, prefix="SHOP_").smtp_url == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "many"), ("PORT", "65536"), ("RATIO", "half"), ("VERBOSE", "perhaps"), ("MODE", "paypal")],
)
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^SOUK_{name}: "):
        read_config(Settings, {"SOUK_SMTP_URL": "x", f"SOUK_{name}": value})


@pytest.mark.parametrize("environment", [{}, {"SOUK_SMTP_URL": ""}])
def test_a_missing_value_names_its_variable(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^SOUK_SMTP_URL is not set"):
        read_config(Settings, environment)
