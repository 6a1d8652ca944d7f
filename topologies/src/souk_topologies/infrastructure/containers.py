"""What Terraform is told of a service in containers on AWS, and of the container that makes the databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import Service
from souk_chassis.storage.provision import database_name
from souk_topologies.containers import (
    DOMAIN,
    GATEWAY_LABEL,
    PORT,
    Place,
    Size,
    Ways,
    environment,
    image_of,
    provision_environment,
    secret_names,
    size_of,
    ways,
)
from souk_topologies.infrastructure.permissions import of_container

Runtimes = Mapping[str, Runtime]

FARGATE_MIB: Mapping[int, Sequence[int]] = {
    256: (512, 1_024, 2_048),
    512: tuple(range(1_024, 4_096 + 1, 1_024)),
    1_024: tuple(range(2_048, 8_192 + 1, 1_024)),
    2_048: tuple(range(4_096, 16_384 + 1, 1_024)),
    4_096: tuple(range(8_192, 30_720 + 1, 1_024)),
}
"""The sizes of a task that Fargate has: memory in MiB by processor, in 1,024ths of one."""
SECRETS: Mapping[str, str] = {"DATABASE_URL": "secret/{}/database", "SOUK_KEY": "secret/{}"}
"""The resource that holds each secret variable of a container, by the service's name."""


def container(
    service: Service, services: Sequence[Service], runtimes: Runtimes, settings: Mapping[str, str]
) -> dict[str, Any]:
    """All that a service's container needs on AWS beside what Terraform makes itself."""
    size = size_of(service.name)
    reached = ways(service.calls, services, Place.AWS, runtimes)
    cpu, memory_mib = fargate_size(size)
    return {
        "image": image_of(service.label),
        "port": PORT,
        "host": f"{service.label}.{DOMAIN}",
        "header": service.label,
        "cpu": cpu,
        "memory_mib": memory_mib,
        "replicas": {"least": size.replicas, "most": size.most},
        "environment": environment(service, services, Place.AWS, runtimes, settings),
        "secrets": {name: SECRETS[name].format(service.name) for name in secret_names(service, Place.AWS)},
        "reaches": sorted(reached.urls),
        "ports_outside": ports_outside(service),
        "permissions": of_container(service, functions_of(reached), settings),
    }


def provision(services: Sequence[Service]) -> dict[str, Any] | None:
    """What the container needs that makes a database and a role for each of these services, or None without any."""
    if not services:
        return None
    return {
        "image": image_of(GATEWAY_LABEL),
        "environment": provision_environment(services),
        "databases": {service.name: database_name(service.name) for service in services},
    }


def fargate_size(size: Size) -> tuple[int, int]:
    """The smallest task of Fargate with what a container requests of processors and may use of memory: in 1,024ths of
    a processor, and MiB.

    Raises:
        ValueError: Fargate has none so large.
    """
    for cpu, memories in FARGATE_MIB.items():
        for memory in memories:
            if cpu * 1_000 >= size.cpu_m * 1_024 and memory >= size.memory_limit_mib:
                return cpu, memory
    raise ValueError(f"Fargate has no task of {size.cpu_m} m and {size.memory_limit_mib} MiB")


def ports_outside(service: Service) -> list[int]:
    """The ports of servers outside that the service speaks to where it is set so."""
    return sorted({port for outside in service.reaches for port in outside.ports})


def functions_of(reached: Ways) -> list[str]:
    """The functions among the ways, each once."""
    return list(dict.fromkeys(reached.functions.values()))
