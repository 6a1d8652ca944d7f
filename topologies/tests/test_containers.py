"""What a container is told, where it is found, and how large it is."""

import json

import pytest

from souk_chassis.http.api_gateway import Runtime
from souk_topologies.containers import (
    DEFAULT_SIZE,
    Place,
    Size,
    added_names,
    environment,
    gateway_environment,
    provision_environment,
    secret_names,
    size_of,
    subscribers,
    url_of,
)
from souk_topologies.shop import SERVICES, manifests

MANIFESTS = manifests()
ALL = list(MANIFESTS.values())


def test_user_service_is_as_the_design_has_it():
    assert size_of("users") == Size(3, 10, 250, 500, 256, 512)
    assert size_of("orders") == DEFAULT_SIZE == Size(2, 10, 250, 500, 256, 512)


def test_in_a_cluster_a_container_is_told_its_callees_and_who_hears_it():
    told = environment(MANIFESTS["payments"], ALL, Place.CLUSTER)
    assert told["SOUK_BOOTSTRAP"] == "souk_payments.bootstrap"
    assert json.loads(told["SOUK_URLS"]) == {"orders": "http://order-service"}
    assert json.loads(told["SOUK_SUBSCRIPTIONS"]) == {
        "souk.PaymentCaptured.v1": [["orders", "orders-payment-captured"]],
        "souk.PaymentDeclined.v1": [["orders", "orders-payment-declined"]],
        "souk.RefundOwed.v1": [["payments", "payments-refund-owed"]],
    }
    assert "SOUK_FUNCTIONS" not in told
    assert "SOUK_MAX_OPEN_ORDERS" not in environment(MANIFESTS["orders"], ALL, Place.CLUSTER)


def test_a_service_knows_who_may_call_it_and_nobody_else_does():
    assert json.loads(environment(MANIFESTS["users"], ALL, Place.CLUSTER)["SOUK_CALLERS"]) == {
        "find_contacts": ["notifications"]
    }
    assert json.loads(environment(MANIFESTS["notifications"], ALL, Place.CLUSTER)["SOUK_CALLERS"]) == {}


@pytest.mark.parametrize(
    ("runtimes", "urls", "functions"),
    [
        ({}, None, {"products": "product-service-calls"}),
        ({"products": Runtime.ECS}, {"products": "http://product-service.souk.internal"}, None),
        ({"products": Runtime.EKS}, {"products": "http://product-service.souk.internal"}, None),
    ],
)
def test_on_aws_a_callee_is_reached_by_what_it_runs_on(runtimes, urls, functions):
    told = environment(MANIFESTS["orders"], ALL, Place.AWS, {"orders": Runtime.ECS} | runtimes)
    assert json.loads(told.get("SOUK_URLS", "null")) == urls
    assert json.loads(told.get("SOUK_FUNCTIONS", "null")) == functions
    assert "SOUK_SUBSCRIPTIONS" not in told
    assert told["SOUK_MAX_OPEN_ORDERS"] == "0"


def test_settings_of_a_service_come_along():
    assert environment(MANIFESTS["orders"], ALL, Place.AWS, settings={"SOUK_CURRENCY": "EUR"})["SOUK_CURRENCY"] == "EUR"


def test_secrets_by_place():
    assert secret_names(MANIFESTS["orders"], Place.CLUSTER) == ("DATABASE_URL", "SOUK_KEY", "SOUK_BUS_URLS")
    assert secret_names(MANIFESTS["orders"], Place.AWS) == ("DATABASE_URL", "SOUK_KEY")
    assert added_names(Place.AWS) == ("SOUK_JWKS", "SOUK_TOPICS", "AWS_REGION")


def test_nothing_secret_is_in_an_environment():
    for place in Place:
        for service in ALL:
            assert not set(environment(service, ALL, place)) & set(secret_names(service, place))


def test_who_hears_a_service():
    assert subscribers(MANIFESTS["users"], ALL) == ("notifications",)
    assert subscribers(MANIFESTS["notifications"], ALL) == ()
    assert "payments" in subscribers(MANIFESTS["payments"], ALL)


def test_the_gateway_routes_to_every_service():
    assert json.loads(gateway_environment(ALL, Place.CLUSTER)["SOUK_URLS"]) == {
        name: url_of(MANIFESTS[name].label, Place.CLUSTER) for name in SERVICES
    }


def test_roles_have_room_for_as_many_containers_as_autoscaling_may_start():
    assert json.loads(provision_environment(ALL)["SOUK_PROCESSES"]) == dict.fromkeys(SERVICES, 10)
