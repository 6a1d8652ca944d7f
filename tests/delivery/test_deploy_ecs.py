"""Deploying to ECS: it succeeds when the new tasks are what runs, and not when the service is stable with the old."""

from typing import Any

import pytest

from tests.delivery.cloud import Cloud, Ended
from tests.delivery.stand_in_aws import rollout

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/souk/order-service@sha256:" + "a" * 64
BEFORE = "arn:order-service:1"


def definition() -> dict[str, Any]:
    """A task definition as ECS describes it, with much that a registration does not take."""
    return {
        "family": "order-service",
        "taskDefinitionArn": BEFORE,
        "revision": 1,
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.ecr-auth"}],
        "compatibilities": ["FARGATE"],
        "registeredAt": 1.0,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "volumes": [],
        "executionRoleArn": "arn:execution",
        "taskRoleArn": "arn:task",
        "runtimePlatform": {"cpuArchitecture": "X86_64"},
        "containerDefinitions": [
            {"name": "order-service", "image": "old", "environment": [{"name": "PORT", "value": "8080"}]},
            {"name": "collector", "image": "another"},
        ],
    }


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    """Order-service on ECS, with one revision."""
    service = {
        "serviceName": "order-service",
        "status": "ACTIVE",
        "taskDefinition": BEFORE,
        "deployments": [rollout(BEFORE, "PRIMARY", "COMPLETED", 2)],
        "events": [],
    }
    tags = [{"key": "project", "value": "souk"}]
    cloud.change(ecs={"service": service, "definitions": [definition()], "tags": tags, "outcome": "lives"})
    return cloud


def deploy(shop: Cloud, *more: str) -> Ended:
    return shop.run_here("deploy_ecs.py", "--service", "order-service", "--image", IMAGE, "--poll-s", "0.01", *more)


def meets(shop: Cloud, outcome: str) -> None:
    shop.change(ecs=shop.read()["ecs"] | {"outcome": outcome})


def test_the_new_tasks_run(shop: Cloud) -> None:
    done = shop.run("deploy_ecs.py", "--service", "order-service", "--image", IMAGE, "--poll-s", "0.01")
    assert (done.status, done.err) == (0, "")
    ecs = shop.read()["ecs"]
    assert [each["taskDefinition"] for each in ecs["service"]["deployments"]] == ["arn:order-service:2"]


def test_a_revision_is_the_newest_with_another_image_and_nothing_else(shop: Cloud) -> None:
    deploy(shop)
    old, new = shop.read()["ecs"]["definitions"]
    told = ("taskDefinitionArn", "revision", "containerDefinitions", "volumes", "status", "registeredAt")
    same = {name: value for name, value in old.items() if name not in (*told, "compatibilities", "requiresAttributes")}
    assert {name: value for name, value in new.items() if name not in told} == same
    ours, other = old["containerDefinitions"]
    assert new["containerDefinitions"] == [ours | {"image": IMAGE}, other]
    assert shop.read()["ecs"]["tags"] == [{"key": "project", "value": "souk"}]


def test_ecs_may_show_for_a_moment_what_was_before_it_was_told(shop: Cloud) -> None:
    """Its API is consistent eventually: the look after a change need not see it."""
    shop.change(ecs=shop.read()["ecs"] | {"lag": 2})
    done = deploy(shop)
    assert (done.status, done.err) == (0, "")
    assert len([said for said in shop.calls() if "update-service" in said]) == 1


def test_a_service_that_is_stable_with_the_old_tasks_is_a_failure(shop: Cloud) -> None:
    meets(shop, "dies")
    done = deploy(shop)
    assert done.status == 1
    assert "the new tasks did not live" in done.err
    assert "tasks failed to start" in done.out
    assert shop.read()["ecs"]["service"]["taskDefinition"] == BEFORE
    assert len([said for said in shop.calls() if "update-service" in said]) == 1


def test_where_ecs_does_not_go_back_by_itself_it_is_told_to(shop: Cloud) -> None:
    meets(shop, "dies without a breaker")
    assert deploy(shop).status == 1
    assert shop.read()["ecs"]["service"]["taskDefinition"] == BEFORE


def test_tasks_that_are_not_stable_in_time_go_back(shop: Cloud) -> None:
    meets(shop, "hangs")
    done = deploy(shop, "--timeout-s", "0.05")
    assert done.status == 1
    assert "not stable within 0.05 s" in done.err
    assert shop.read()["ecs"]["service"]["taskDefinition"] == BEFORE


def test_what_aws_refuses(shop: Cloud) -> None:
    shop.change(after=[{"command": "ecs register-task-definition", "nth": 1, "refusal": "AccessDeniedException"}])
    done = deploy(shop)
    assert done.status == 1
    assert "aws ecs register-task-definition: An error occurred: AccessDeniedException" in done.err
    assert shop.read()["ecs"]["service"]["taskDefinition"] == BEFORE


def test_a_service_that_is_not_there(shop: Cloud) -> None:
    done = deploy(shop, "--service", "basket-service")
    assert (done.status, len(shop.read()["ecs"]["definitions"])) == (1, 1)
    assert "there is no service basket-service in the cluster souk" in done.err


def test_a_container_of_another_name(shop: Cloud) -> None:
    ecs = shop.read()["ecs"]
    ecs["definitions"][0]["containerDefinitions"][0]["name"] = "app"
    shop.change(ecs=ecs)
    done = deploy(shop)
    assert done.status == 1
    assert "no container order-service, but app, collector" in done.err


@pytest.mark.parametrize("image", ["souk/order-service:latest", "souk/order-service@sha256:abc", ""])
def test_an_image_without_its_digest(shop: Cloud, image: str) -> None:
    done = deploy(shop, "--image", image)
    assert (done.status, shop.calls()) == (2, [])
    assert "is no image by its digest" in done.err


def test_a_time_that_nobody_can_wait_for(shop: Cloud) -> None:
    done = deploy(shop, "--timeout-s", "-5")
    assert (done.status, shop.calls()) == (2, [])
    assert "-5 is no number of seconds from 0 on" in done.err
