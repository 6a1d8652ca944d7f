"""What a container is told: read, checked against the service's manifest, and refused in one sentence."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from souk_chassis.auth.keys import jwks, new_key
from souk_chassis.config import ConfigError
from souk_chassis.hosts.settings import read_service_settings

BOOTSTRAP = """
from souk_chassis.events.event import Event
from souk_chassis.manifest import Part, Service, Uses
from souk_chassis.operation import Access, Nothing, Operation

class BookRead(Event):
    pass

Lend = Operation("lend", "lenders", None, request=Nothing, response=Nothing, access=Access.SERVICE, summary="Lend")
service = Service("readers", "reader-service", publishes=[BookRead], parts={Part.HTTP: Uses(calls=[Lend])})

async def build(base):
    raise NotImplementedError
"""
KEY = new_key("readers")
SECRET = "secret-of-readers"
TOPICS = "arn:aws:sns:eu-west-1:123456789012:"


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "readers_bootstrap.py").write_text(BOOTSTRAP)
    (tmp_path / "readers_empty.py").write_text("")
    (tmp_path / "readers_broken.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def told() -> dict[str, str]:
    """All that it must be told in a cluster."""
    return {
        "SOUK_BOOTSTRAP": "readers_bootstrap",
        "SOUK_KEY": KEY.pem.decode(),
        "SOUK_JWKS": json.dumps(jwks([KEY])),
        "DATABASE_URL": f"postgresql://souk_readers:{SECRET}@db/souk_readers",
        "SOUK_URLS": '{"lenders": "http://lender-service"}',
        "SOUK_BUS_URLS": '{"ears": "postgresql://souk_bus:a@db/souk_ears"}',
        "SOUK_SUBSCRIPTIONS": '{"souk.BookRead.v1": [["ears", "ears-book-read"]]}',
    }


def test_in_a_cluster(told: Mapping[str, str]) -> None:
    read = read_service_settings(told)
    assert (read.service.name, read.key.pem, read.topics) == ("readers", KEY.pem, "")
    assert read.urls == {"lenders": "http://lender-service"}
    assert read.subscriptions == {"souk.BookRead.v1": [("ears", "ears-book-read")]}


def test_on_aws(told: dict[str, str]) -> None:
    del told["SOUK_BUS_URLS"], told["SOUK_SUBSCRIPTIONS"], told["SOUK_URLS"]
    read = read_service_settings(
        told | {"SOUK_TOPICS": TOPICS, "SOUK_FUNCTIONS": '{"lenders": "lender-service-calls"}'}
    )
    assert (read.topics, read.bus_urls, read.functions) == (TOPICS, {}, {"lenders": "lender-service-calls"})


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SOUK_BOOTSTRAP", None, "not set"),
        ("SOUK_BOOTSTRAP", "no_such_module.bootstrap", "no module no_such_module"),
        ("SOUK_BOOTSTRAP", "readers_broken", "no module no_such_package"),
        ("SOUK_BOOTSTRAP", "readers_empty", "builds no service"),
        ("SOUK_BOOTSTRAP", ".a", "names no module"),
        ("SOUK_KEY", None, "not set, and readers signs"),
        ("SOUK_KEY", "-----BEGIN PRIVATE KEY-----", "no Ed25519 private key"),
        ("SOUK_JWKS", None, "not set"),
        ("SOUK_JWKS", "{", "truncated"),
        ("SOUK_JWKS", "{}", "no set of Ed25519 public keys"),
        ("SOUK_JWKS", '{"keys": [{"kty": "RSA"}]}', "no set of Ed25519 public keys"),
        ("DATABASE_URL", None, "not set"),
        ("DATABASE_URL", f"mysql://{SECRET}@db", "must begin with postgresql://"),
        ("DATABASE_URL", f"postgresql://souk:{SECRET}/x@db/souk", "no URL of a database"),
        ("DATABASE_URL", f"postgresql://souk:{SECRET}#x@db/souk", "no URL of a database"),
        ("DATABASE_URL", f"postgresql://souk:x?{SECRET}@db/souk", "no URL of a database"),
        ("DATABASE_URL", f"postgresql://souk:{SECRET}[@db/souk", "no URL of a database"),
        ("DATABASE_URL", f"postgresql://souk:{SECRET}@db:port/souk", "no URL of a database"),
        ("DATABASE_URL", f"postgresql://souk:{SECRET}@db/souk?{SECRET}", "no URL of a database"),
        ("SOUK_CALLERS", "[]", "Expected `object`"),
        ("SOUK_CALLERS", '{"lend": "orders"}', "Expected `array`"),
        ("SOUK_URLS", None, "No URL for lenders in SOUK_URLS or SOUK_FUNCTIONS; readers calls it"),
        ("SOUK_URLS", "{lenders}", "malformed"),
        ("SOUK_URLS", '{"lenders": "lender-service"}', "'lender-service', where lenders is, is no address"),
        ("SOUK_FUNCTIONS", '{"lenders": "lender-service-calls"}', "both name lenders"),
        ("SOUK_TOPICS", "order-created", "is not as arn:aws:sns"),
        ("SOUK_TOPICS", TOPICS, "both set"),
        ("SOUK_BUS_URLS", None, "nor is SOUK_TOPICS"),
        ("SOUK_BUS_URLS", "{}", "names no database of ears"),
        ("SOUK_BUS_URLS", f'{{"ears": "{SECRET}"', "truncated"),
        ("SOUK_BUS_URLS", f'{{"ears": "postgresql://souk_bus:{SECRET}/x@db/souk_ears"}}', "no URL of a database"),
        (
            "SOUK_SUBSCRIPTIONS",
            '{"souk.BookBurnt.v1": [["ears", "ears-book-burnt"]]}',
            "publishes no souk.BookBurnt.v1",
        ),
        ("SOUK_SUBSCRIPTIONS", '{"souk.BookRead.v1": [["ears"]]}', "Expected `array`"),
    ],
)
def test_what_can_not_be_is_named(told: dict[str, str], name: str, value: str | None, why: str) -> None:
    told.pop(name, None)
    if value is not None:
        told[name] = value
    with pytest.raises(ConfigError, match=why) as error:
        read_service_settings(told)
    text = str(error.value)
    assert name in text
    assert len(text.splitlines()) == 1
    assert SECRET not in text
    assert KEY.pem.decode()[30:60] not in text
