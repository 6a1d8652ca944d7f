"""The secrets of a cluster of one's own, as files that kustomize makes Secrets of. Git ignores them."""

import json
from collections.abc import Mapping, Sequence

from souk_chassis.manifest import Service
from souk_chassis.storage.provision import bus_dsn, dsn_on, service_dsn
from souk_chassis.storage.provision import secret_names as role_names
from souk_topologies.containers import PROVISION_SECRETS, Place, secret_names, subscribers
from souk_topologies.kubernetes.documents import Document, kustomization
from souk_topologies.kubernetes.policies import POSTGRES
from souk_topologies.kubernetes.workloads import KEYS
from souk_topologies.network import POSTGRES_PORT, PROVISION

ADMIN = "postgres"
"""The server's superuser, and the name of its password among those of the roles."""
ADMIN_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105  # the name of a variable


def passwords_needed(services: Sequence[Service]) -> list[str]:
    """The names of the passwords that `secret_files` wants: a role's each, and the superuser's."""
    return [*role_names(service.name for service in services), ADMIN]


def secret_files(
    services: Sequence[Service], keys: Mapping[str, str], public: str, passwords: Mapping[str, str]
) -> dict[str, str]:
    """Every file, by its path below the folder. `keys` are the signing keys as PEM by service, `public` is the JWKS.

    Raises:
        ProvisionError: a password is missing.
    """
    server = dsn_on(f"postgresql://{POSTGRES}:{POSTGRES_PORT}/", ADMIN, ADMIN, passwords[ADMIN])
    values = {
        f"{PROVISION}/SOUK_ADMIN_URL": server,
        f"{PROVISION}/SOUK_PASSWORDS": json.dumps({name: passwords[name] for name in passwords if name != ADMIN}),
        f"{POSTGRES}/{ADMIN_PASSWORD}": passwords[ADMIN],
        f"{KEYS}/SOUK_JWKS": public,
    }
    for service in services:
        told = {
            "DATABASE_URL": service_dsn(server, service.name, passwords),
            "SOUK_KEY": keys[service.name],
            "SOUK_BUS_URLS": json.dumps(
                {name: bus_dsn(server, name, passwords) for name in subscribers(service, services)}
            ),
        }
        values |= {f"{service.label}/{name}": told[name] for name in secret_names(service, Place.CLUSTER)}
    return values


def generator(services: Sequence[Service]) -> Document:
    """The kustomization beside the files. A name ends in a hash of the contents: a new secret starts new pods."""
    names = {each.label: list(secret_names(each, Place.CLUSTER)) for each in services}
    names |= {PROVISION: list(PROVISION_SECRETS), POSTGRES: [ADMIN_PASSWORD]}
    return kustomization(
        configMapGenerator=[{"name": KEYS, "files": [f"SOUK_JWKS={KEYS}/SOUK_JWKS"]}],
        secretGenerator=[
            {"name": label, "files": [f"{name}={label}/{name}" for name in variables]}
            for label, variables in sorted(names.items())
        ],
    )
