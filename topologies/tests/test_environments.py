"""A process of the shop gets the variables and keys that it uses, and nothing else of where the shop was started."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from souk_chassis.auth.keys import new_key
from souk_chassis.edge.takeover import read_takeover
from souk_chassis.hosts.settings import read_service_settings
from souk_topologies.environments import Premises
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, Topology
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, SHOP, manifests

APP = "reports.web:app"
SECRETS = {
    "orders": {"SOUK_MAX_OPEN_ORDERS": "7"},
    "payments": {"SOUK_STRIPE_KEY": "sk_live_1"},
    "notifications": {"SOUK_SMTP_URL": "smtp://a:b@mail", "AWS_SECRET_ACCESS_KEY": "aws-secret"},
}
"""What one service reads, and no other part."""
FOREIGN = {"FOREIGN_VARIABLE": "foreign", "SOUK_TOKEN": "token", "SOUK_DATABASE_URL": "postgresql://admin@db/postgres"}
PASSED_ON = {"PATH": "/bin", "SOUK_TRACE_RATIO": "0.5", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
PARTS = (*SERVICES, GATEWAY, SHOP, APP)


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    environment = {**PASSED_ON, **FOREIGN, "SOUK_APPS": f"/reports={APP}", "SOUK_WORK": "on"}
    for own in SECRETS.values():
        environment |= own
    settings = Settings(tmp_path, Topology.PROCESSES, environment=environment)
    keys = {issuer: new_key(issuer) for issuer in ISSUERS}
    databases = DatabaseUrls(*({name: f"postgresql://{who}{name}@db/x" for name in SERVICES} for who in ("", "bus-")))
    urls = {name: f"http://127.0.0.1:{number}" for number, name in enumerate((*SERVICES, APP), 1000)}
    return Premises(settings, keys, databases, urls, {"orders-worker": "http://127.0.0.1:2000"})


@pytest.mark.parametrize("part", PARTS)
def test_a_process_gets_nothing_that_it_does_not_use(premises: Premises, part: str) -> None:
    given = premises.environment(part, fronts=part in (GATEWAY, SHOP))
    assert given.items() >= PASSED_ON.items()
    for owner, own in SECRETS.items():
        for name, value in own.items():
            assert (given.get(name) == value) == (
                part in (owner, SHOP) or (part == APP and not name.startswith("SOUK_"))
            ), name
    assert not {"SOUK_TOKEN", "SOUK_DATABASE_URL"} & given.keys()
    # Only an application knows what it reads: nothing of ours is kept from it that is not a setting of Souk's.
    assert ("FOREIGN_VARIABLE" in given) == (part in (APP, SHOP))


def keys_in(given: Mapping[str, str], premises: Premises) -> set[str]:
    """Whose private keys these variables hold."""
    text = "".join(given.values()).replace("\\n", "\n")
    return {issuer for issuer, key in premises.keys.items() if key.pem.decode() in text}


@pytest.mark.parametrize("part", PARTS)
def test_a_process_gets_the_keys_that_it_signs_with_alone(premises: Premises, part: str) -> None:
    holders = {part} if part in SERVICES and manifests()[part].signs else set(SERVICES if part == SHOP else ())
    assert keys_in(premises.environment(part, fronts=False), premises) == holders


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_reads_what_it_gets(premises: Premises, name: str) -> None:
    settings = read_service_settings(premises.environment(name, fronts=False))
    assert settings.database_url == premises.databases.service[name]
    assert set(settings.urls) == {operation.service for operation in manifests()[name].calls}
    assert all(url == premises.databases.bus[hearer] for hearer, url in settings.bus_urls.items())


def test_the_gateway_knows_where_everything_is_and_no_database(premises: Premises) -> None:
    given = premises.environment(GATEWAY, fronts=True)
    assert json.loads(given["SOUK_URLS"]) == {name: premises.urls[name] for name in SERVICES}
    assert read_takeover(given).apps == {"/reports": premises.urls[APP]}
    assert json.loads(given["SOUK_READY_URLS"]) == {APP: premises.urls[APP], **premises.workers}
    assert "postgresql://" not in "".join(given.values())


def test_whole_shops_get_every_database_and_one_that_fronts_asks_after_workers(premises: Premises) -> None:
    settings = replace(premises.settings, environment=PASSED_ON)
    shops = replace(premises, settings=settings, urls={}, workers={"shop-worker": "http://127.0.0.1:2000"})
    worker, front = (shops.environment(SHOP, fronts=fronts) for fronts in (False, True))
    assert set(json.loads(worker["SOUK_DATABASE_URLS"])) == set(SERVICES)
    assert not {"SOUK_READY_URLS", "SOUK_READY_FILE"} & worker.keys()
    assert json.loads(front["SOUK_READY_URLS"]) == shops.workers


def test_an_application_in_a_whole_shop_gets_its_own_variables(premises: Premises) -> None:
    assert premises.environment(SHOP, fronts=True).get("FOREIGN_VARIABLE") == "foreign"
    alone = replace(premises, settings=replace(premises.settings, environment=FOREIGN))
    assert "FOREIGN_VARIABLE" not in alone.environment(SHOP, fronts=True)
