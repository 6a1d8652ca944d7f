"""Services in containers, without an engine: each is the process that its image starts, told by the environment that
`souk_topologies.containers` writes, and by nothing else of this machine."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey, jwks, new_key
from souk_chassis.auth.tokens import sign_public
from souk_chassis.hosts.listening import free_port
from souk_chassis.http.api_gateway import Runtime
from souk_chassis.storage.provision import bus_dsn, service_dsn
from souk_chassis.storage.provision import secret_names as role_names
from souk_topologies.containers import Place, environment, gateway_environment, provision_environment, subscribers
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, manifests

RUN = ("-I", "-m", "souk_chassis.hosts.server")
READY_S = 60.0
STOP_S = 20.0


@dataclass
class Containers:
    """The processes of one shop, by service. `admin_url` is a server of PostgreSQL; `folder` keeps their logs."""

    admin_url: str
    folder: Path
    place: Place = Place.CLUSTER
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    names: Sequence[str] = SERVICES
    added: Mapping[str, str] = field(default_factory=dict)
    """Variables that the place adds."""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Variables by service, which win."""
    python: Mapping[str, Path] = field(default_factory=dict)
    """The interpreter of each image; this one where none is named."""
    user: int | None = None
    """Whose processes they are; our own without it."""
    edge: Path | None = None
    """The folder of the document and the pages: with one there is a gateway, too."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = manifests()
        self.keys: dict[str, SigningKey] = {issuer: new_key(issuer) for issuer in ISSUERS}
        self.passwords = {role: secrets.token_urlsafe(16) for role in role_names(SERVICES)}
        self.ports = {name: free_port() for name in (*self.names, GATEWAY)}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}

    @property
    def admin(self) -> str:
        """A token of an administrator."""
        identity = Identity(Role.ADMIN, "operator")
        return sign_public(self.keys["operator"], identity, issued_at=datetime.now(UTC), lifetime_s=3600)

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.urls[GATEWAY]

    def environment(self, name: str) -> dict[str, str]:
        """What a service's container, or the gateway's, is told, at the addresses that it has here."""
        if name == GATEWAY:
            return self._of_gateway()
        service, every = self.services[name], list(self.services.values())
        told = environment(service, every, self.place, self.runtimes, self.settings.get(name))
        urls = {callee: self.urls[callee] for callee in json.loads(told.get("SOUK_URLS", "{}"))}
        heard = {who: bus_dsn(self.admin_url, who, self.passwords) for who in subscribers(service, every)}
        return {
            **told,
            "PORT": str(self.ports[name]),
            **({"SOUK_URLS": json.dumps(urls)} if urls else {}),
            "DATABASE_URL": service_dsn(self.admin_url, name, self.passwords),
            "SOUK_KEY": self.keys[name].pem.decode(),
            "SOUK_JWKS": json.dumps(jwks(self.keys.values())),
            **({"SOUK_BUS_URLS": json.dumps(heard)} if self.place is Place.CLUSTER else {}),
            **self.added,
        }

    def _of_gateway(self) -> dict[str, str]:
        return {
            **gateway_environment(list(self.services.values()), self.place),
            "PORT": str(self.ports[GATEWAY]),
            "SOUK_URLS": json.dumps({name: self.urls[name] for name in self.names}),
            "SOUK_JWKS": json.dumps(jwks(self.keys.values())),
            "SOUK_EDGE_DIR": str(self.edge),
        }

    def provision(self) -> None:
        """Make databases and roles, as the container does that runs before the services."""
        told = {
            **provision_environment(list(self.services.values())),
            "SOUK_ADMIN_URL": self.admin_url,
            "SOUK_PASSWORDS": json.dumps(self.passwords),
        }
        python = str(self.python.get("gateway", sys.executable))
        done = subprocess.run([python, *RUN], env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self, *names: str) -> None:
        """Start these, or all."""
        for name in names or (*self.names, *([GATEWAY] if self.edge else [])):
            with (self.folder / f"{name}.log").open("ab") as log:
                command = [str(self.python.get(name, sys.executable)), *RUN]
                told = self.environment(name)
                who = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
                self.running[name] = subprocess.Popen(command, env=told, cwd="/", stdout=log, stderr=log, **who)

    async def until_ready(self, *names: str) -> None:
        """Return when these, or all, are ready."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(READY_S):
            for name in names or self.running:
                while not await self._is_ready(session, name):
                    assert self.running[name].poll() is None, self.log(name)
                    await asyncio.sleep(0.05)

    async def _is_ready(self, session: aiohttp.ClientSession, name: str) -> bool:
        try:
            async with session.get(f"{self.urls[name]}/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self, name: str) -> None:
        """End a process as a machine's death does."""
        self.running[name].kill()
        self.running.pop(name).wait(STOP_S)

    def stop(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """Stop these, or all, as a cluster does. Returns their exit status."""
        stopped = {name: self.running.pop(name) for name in list(names or self.running)}
        for process in stopped.values():
            process.terminate()
        try:
            return {name: process.wait(STOP_S) for name, process in stopped.items()}
        finally:
            for process in stopped.values():
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        """What a service has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-5000:]
