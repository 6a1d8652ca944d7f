"""EKS on AWS: SNS and SQS are the bus, RDS the store, secrets come from Secrets Manager, and requests by a load
balancer that Terraform makes. Pods have their roles by EKS Pod Identity: of it, only service accounts are seen here."""

from collections.abc import Mapping, Sequence

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import Service
from souk_topologies.containers import (
    NAMESPACE,
    SERVICE_PORT,
    Place,
    added_names,
    environment,
    secret_names,
)
from souk_topologies.kubernetes.documents import Document, kustomization, labels, of_kind
from souk_topologies.kubernetes.patches import deployment_patch, policy_patch, removal
from souk_topologies.kubernetes.policies import beside_aws
from souk_topologies.kubernetes.workloads import Variable, from_config, plain
from souk_topologies.network import Edge

REFRESHED = "1h"
"""How often External Secrets looks whether a secret has changed."""
REMOTE = {"DATABASE_URL": "souk/{}/database", "SOUK_KEY": "souk/{}/key"}
"""Where Secrets Manager has what a variable holds, by the service's name: as Terraform names it."""
SETTINGS = "aws"
"""The ConfigMap of what Terraform has made: the overlay has it."""


def component(
    services: Sequence[Service], runtimes: Mapping[str, Runtime], edges: Sequence[Edge]
) -> dict[str, list[Document]]:
    """The files of the component, by name. Services that are not on EKS are taken out."""
    here = [service for service in services if runtimes[service.name] is Runtime.EKS]
    away = [removal(service.label) for service in services if service not in here]
    patches = [*away, {"path": "environment.yaml"}, {"path": "network.yaml"}]
    return {
        "kustomization.yaml": [
            kustomization(component=True, resources=["secrets.yaml", "targets.yaml"], patches=patches)
        ],
        "environment.yaml": [_environment(service, services, runtimes) for service in here],
        "network.yaml": [policy_patch(service.label, edges, beside_aws) for service in here],
        "secrets.yaml": [_secret(service) for service in here],
        "targets.yaml": [_target(service.label) for service in here],
    }


def _environment(service: Service, services: Sequence[Service], runtimes: Mapping[str, Runtime]) -> Document:
    base = environment(service, services, Place.CLUSTER)
    told = environment(service, services, Place.AWS, runtimes)
    added: list[Variable] = plain({name: value for name, value in told.items() if base.get(name) != value})
    made = [from_config(SETTINGS, name) for name in added_names(Place.AWS) if name not in added_names(Place.CLUSTER)]
    secret = [name for name in secret_names(service, Place.CLUSTER) if name not in secret_names(service, Place.AWS)]
    return deployment_patch(service.label, added + made, [name for name in base if name not in told] + secret)


def _secret(service: Service) -> Document:
    spec = {
        "refreshInterval": REFRESHED,
        "secretStoreRef": {"kind": "SecretStore", "name": "secrets-manager"},
        "target": {"name": service.label},
        "data": [
            {"secretKey": name, "remoteRef": {"key": REMOTE[name].format(service.name)}}
            for name in secret_names(service, Place.AWS)
        ],
    }
    marked = labels(service.label, "service")
    return Document(of_kind("external-secrets.io/v1", "ExternalSecret", service.label, spec, marked))


def _target(label: str) -> Document:
    spec = {
        "serviceRef": {"name": label, "port": SERVICE_PORT},
        "targetGroupName": f"{NAMESPACE}-{label}",
        "targetType": "ip",
    }
    return Document(of_kind("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", label, spec, labels(label, "service")))
