"""What each process of a shop gets: the variables and the keys that it uses, by a list for each part, and nothing else
of the environment that the shop was started in."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from souk_chassis.auth.keys import SigningKey, jwks
from souk_chassis.config import Config
from souk_chassis.edge.takeover import TakeoverConfig
from souk_chassis.hosts.switches import Switches
from souk_chassis.observability.tracing import ENDPOINT, HEADERS, TraceConfig
from souk_topologies.containers import Place, environment, subscribers
from souk_topologies.places import DataDir
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import SERIALISE, Settings
from souk_topologies.shop import GATEWAY, SERVICES, SHOP, build_of, manifests

_ANY = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", ENDPOINT, HEADERS, *TraceConfig.variables()),
)
"""What the interpreter, its libraries and tracing read in every process."""
_DATABASE = ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCERT", "PGSSLKEY", "PGSSLMINPROTOCOLVERSION")
"""What asyncpg reads of how connections are encrypted."""


@dataclass(frozen=True)
class Premises:
    """What the processes of one shop are started with."""

    settings: Settings
    keys: Mapping[str, SigningKey]
    databases: DatabaseUrls
    urls: Mapping[str, str]
    """Where services and applications are, by name."""
    workers: Mapping[str, str]
    """Where processes are that only work on queues, by label."""

    def environment(self, part: str, *, fronts: bool) -> dict[str, str]:
        """The variables of a process that is `part`: a service, the gateway, the whole shop, or an application.
        `fronts` says whether it has the shop's address."""
        listed = variables_of(part)
        taken = {
            name: value
            for name, value in self.settings.environment.items()
            if name in listed or self._is_unlisted(part, name)
        }
        if part in SERVICES:
            return taken | self._of_service(part)
        if part == GATEWAY:
            return taken | self._of_gateway() | self._of_readiness()
        if part == SHOP:
            return taken | self._of_shop() | (self._of_readiness() if fronts else {})
        return taken | {"SOUK_PART": "app", "SOUK_APP": part}

    def _is_unlisted(self, part: str, name: str) -> bool:
        """Whether a process takes a variable over that no struct names: AWS's own libraries look for many, and only an
        application knows what it reads. It gets what is not Souk's."""
        holds = (part,) if part in SERVICES else SERVICES if part == SHOP else ()
        if name.startswith("AWS_") and any(_sends_mail(service) for service in holds):
            return True
        is_application = part in self.settings.applications or (part == SHOP and bool(self.settings.applications))
        return is_application and not name.startswith("SOUK_")

    def _of_service(self, name: str) -> dict[str, str]:
        services = manifests()
        service, every = services[name], list(services.values())
        told = environment(service, every, Place.CLUSTER)
        callees = {each.service for each in service.calls}
        return {
            **told,
            "SOUK_URLS": json.dumps({callee: self.urls[callee] for callee in callees}),
            "SOUK_JWKS": self._jwks,
            "DATABASE_URL": self.databases.service[name],
            "SOUK_BUS_URLS": json.dumps({hearer: self.databases.bus[hearer] for hearer in subscribers(service, every)}),
            **({"SOUK_KEY": self.keys[name].pem.decode()} if service.signs else {}),
        }

    def _of_gateway(self) -> dict[str, str]:
        apps = {path: self.urls.get(target, target) for path, target in self.settings.takeover.apps.items()}
        return {
            "SOUK_PART": "gateway",
            "SOUK_URLS": json.dumps({name: self.urls[name] for name in SERVICES}),
            "SOUK_EDGE_DIR": str(DataDir(self.settings.data_dir).edge),
            "SOUK_JWKS": self._jwks,
            "SOUK_APPS": ",".join(f"{path}={url}" for path, url in apps.items()),
        }

    def _of_shop(self) -> dict[str, str]:
        services = list(manifests().values())
        hearers = {name for service in services for name in subscribers(service, services)}
        return {
            "SOUK_PART": SHOP,
            "SOUK_KEYS": json.dumps({name: self.keys[name].pem.decode() for name in SERVICES}),
            "SOUK_JWKS": self._jwks,
            "SOUK_WEB_DIR": str(self.settings.web),
            "SOUK_DATABASE_URLS": json.dumps(dict(self.databases.service)),
            "SOUK_BUS_URLS": json.dumps({name: self.databases.bus[name] for name in sorted(hearers)}),
        }

    def _of_readiness(self) -> dict[str, str]:
        asked = {name: self.urls[name] for name in self.settings.applications if name in self.urls} | dict(self.workers)
        return {
            "SOUK_READY_FILE": str(DataDir(self.settings.data_dir).state),
            "SOUK_READY_URLS": json.dumps(asked),
        }

    @property
    def _jwks(self) -> str:
        return json.dumps(jwks(self.keys.values()))


def variables_of(part: str) -> frozenset[str]:
    """The variables that a process takes over from the shop's environment where they are set, by the structs that they
    are read into."""
    if part in SERVICES:
        return frozenset({*_ANY, *_DATABASE, *Switches.variables(), *_own_variables([part])})
    if part == GATEWAY:
        return frozenset({*_ANY, *TakeoverConfig.variables()})
    if part == SHOP:
        own = (*_own_variables(SERVICES), *TakeoverConfig.variables(), SERIALISE)
        return frozenset({*_ANY, *_DATABASE, *Switches.variables(), *own})
    return frozenset(_ANY)


def _own_variables(services: Iterable[str]) -> Iterable[str]:
    """Settings that services read themselves."""
    for name in services:
        build_of(name)  # imports every module of it that reads settings
        for config in Config.__subclasses__():
            if config.__module__.startswith(f"souk_{name}."):
                yield from config.variables()


def _sends_mail(service: str) -> bool:
    return any(uses.sends_mail for uses in manifests()[service].parts.values())
