"""The shop's variants, each planned by Terraform from its own inputs, with no account and no network; and what the
manifests say that a variant's security groups must let through."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.http.routing import in_json
from souk_chassis.manifest import Part, Service
from souk_topologies.api import api_document
from souk_topologies.aws_local.terraform import Terraform
from souk_topologies.containers import clustered
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.containers import Runtimes
from souk_topologies.shop import SERVICES, manifests

PLANNED = "environments/planned"
ROOT_MODULE = Path(__file__).with_name("planned.tf")
NETWORK = {"zones": ["eu-west-1a", "eu-west-1b"]}
CONTAINED = [service.name for service in clustered(manifests().values())]
VARIANTS: Mapping[str, Runtimes] = {
    "functions": {},
    "ecs": dict.fromkeys(CONTAINED, Runtime.ECS),
    "eks": dict.fromkeys(CONTAINED, Runtime.EKS),
    "mixed": {"orders": Runtime.ECS, "products": Runtime.EKS},
}

Edge = tuple[str, str, int]
"""Who may speak to whom, on which port."""


class Planner:
    """Plans shops in a copy of infra/terraform."""

    def __init__(self, terraform: Terraform, folder: Path) -> None:
        self._terraform = terraform
        self._folder = folder
        for name in (*SERVICES, "edge"):
            (folder / f"{name}.zip").write_text("any")
        made = terraform.sources / PLANNED
        made.mkdir()
        shutil.copy(ROOT_MODULE, made / "main.tf")
        terraform.init(PLANNED)

    def plan(self, inputs: Mapping[str, Any], document: Mapping[str, Any], **settings: Any) -> list[dict[str, Any]]:
        """The resources that a shop of these inputs would have. Raises TerraformError where the plan is refused."""
        planned = self._planned(inputs, document, settings)
        return [each for each in planned["resource_changes"] if each["change"]["actions"] == ["create"]]

    def made_anew(self, there: Sequence[Mapping[str, Any]], runtimes: Runtimes) -> dict[str, str]:
        """What comes first, by address, where these resources of a plan stand and have to be made anew."""
        state = self._folder / "old.tfstate"
        state.write_text(
            json.dumps({"version": 4, "serial": 1, "lineage": "old", "resources": [_old(each) for each in there]})
        )
        options = ("-refresh=false", f"-state={state}")
        planned = self._planned(*inputs_of(runtimes), settings_of(runtimes), *options)
        actions = {each["address"]: each["change"]["actions"] for each in planned["resource_changes"]}
        return {each["address"]: actions[each["address"]][0] for each in there}

    def _planned(
        self, inputs: Mapping[str, Any], document: Mapping[str, Any], settings: Mapping[str, Any], *options: str
    ) -> dict[str, Any]:
        (self._folder / "inputs.json").write_bytes(in_json(inputs))
        (self._folder / "openapi.json").write_bytes(in_json(document))
        given = {"folder": str(self._folder), "settings": json.dumps(settings)}
        self._terraform.run(PLANNED, "plan", "-no-color", "-lock=false", "-out=shop.plan", *options, **given)
        planned: dict[str, Any] = json.loads(self._terraform.run(PLANNED, "show", "-json", "shop.plan"))
        return planned


def _old(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource in Terraform's state, of which nothing is as it is wanted but its place."""
    instance = {"index_key": resource.get("index"), "schema_version": 0, "attributes": {"id": "old"}}
    return {
        **{name: resource[name] for name in ("mode", "type", "name")},
        "module": resource["module_address"],
        "provider": f'provider["{resource["provider_name"]}"]',
        "instances": [instance],
    }


def inputs_of(runtimes: Runtimes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Terraform's inputs and the document of a shop whose services run there."""
    services = list(manifests().values())
    return terraform_inputs(services, {"keys": []}, None, runtimes), api_document(services, runtimes)


def settings_of(runtimes: Runtimes) -> dict[str, Any]:
    """The variables that such a shop needs: none where all of it is functions."""
    if not runtimes:
        return {}
    tags = {manifests()[name].label: "1a2b3c4" for name in runtimes} | {"gateway": "1a2b3c4"}
    kubernetes = {"kubernetes": {"version": "1.33"}} if Runtime.EKS in runtimes.values() else {}
    return {"network": NETWORK, "image_tags": tags, **kubernetes}


def of_type(planned: Sequence[Mapping[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """The attributes of each resource of a type, by its address."""
    return {each["address"]: each["change"]["after"] for each in planned if each["type"] == kind}


def let_in(planned: Sequence[Mapping[str, Any]]) -> set[Edge]:
    """The edges by which security groups let each other in."""
    return _edges(planned, "aws_vpc_security_group_ingress_rule")


def let_out(planned: Sequence[Mapping[str, Any]]) -> set[Edge]:
    """The edges by which security groups let out to each other."""
    return {edge for edge in _edges(planned, "aws_vpc_security_group_egress_rule") if edge[1] not in OUTSIDE}


def let_outside(planned: Sequence[Mapping[str, Any]]) -> set[Edge]:
    """The edges by which security groups let out to what is no group."""
    return {edge for edge in _edges(planned, "aws_vpc_security_group_egress_rule") if edge[1] in OUTSIDE}


OUTSIDE = ("s3", "dynamodb", "internet")
"""What is let out to and is no group."""


def _edges(planned: Sequence[Mapping[str, Any]], kind: str) -> set[Edge]:
    found = set()
    for each in planned:
        if each["type"] == kind:
            source, target, *_ = each["index"].split(" ")
            after = each["change"]["after"]
            assert after["from_port"] == after["to_port"], each["address"]
            found.add((source, target, after["from_port"]))
    return found


def declared(services: Mapping[str, Service], runtimes: Runtimes) -> set[Edge]:
    """The edges between security groups that the manifests ask for."""
    if not runtimes:
        return set()
    return (
        {("vpc-link", "load-balancer", 80), ("provision", "database-shop", 5432), ("provision", "endpoints", 443)}
        | {
            edge
            for name, service in services.items()
            for edge in _of_service(service, services, runtimes, runtimes.get(name))
        }
        | set(_of_function("gateway"))
    )


def declared_outside(services: Mapping[str, Service], runtimes: Runtimes) -> set[Edge]:
    """The edges to what is no group that the manifests ask for: layers of images, and the tables of functions in the
    network. To the internet there are none, where the shop's settings have none."""
    if not runtimes:
        return set()
    images = {services[name].label for name, runtime in runtimes.items() if runtime is Runtime.ECS} | {"provision"}
    functions = {
        f"function-{service.function(part)}"
        for name, service in services.items()
        for part, uses in service.parts.items()
        if name not in runtimes and any(operation.service in runtimes for operation in uses.calls)
    }
    return {(name, "s3", 443) for name in images} | {(name, "dynamodb", 443) for name in functions}


def _of_service(
    service: Service, services: Mapping[str, Service], runtimes: Runtimes, runtime: Runtime | None
) -> Iterator[Edge]:
    if runtime is None:
        for part in Part:
            calls = service.parts[part].calls if part in service.parts else ()
            if any(operation.service in runtimes for operation in calls):
                yield from _of_function(service.function(part))
        return
    yield "load-balancer", service.label, 8080
    yield service.label, "database-shop", 5432
    yield service.label, "endpoints", 443
    if any(operation.service in runtimes for operation in service.calls):
        yield service.label, "load-balancer", 80
    if runtime is Runtime.EKS:
        yield "cluster", "endpoints", 443
        yield "cluster", service.label, 8080
        yield service.label, "cluster", 53


def _of_function(name: str) -> Iterator[Edge]:
    yield f"function-{name}", "load-balancer", 80
    yield f"function-{name}", "endpoints", 443


def differences(wanted: set[Edge], there: set[Edge]) -> list[str]:
    """What the manifests ask for and no rule lets through, and what a rule lets through and no manifest asks for."""
    missing = [f"{source} to {target} on {port} is declared and refused" for source, target, port in wanted - there]
    idle = [
        f"{source} to {target} on {port} is let through and not declared" for source, target, port in there - wanted
    ]
    return sorted(missing + idle)
