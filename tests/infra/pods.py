"""The pods of an overlay as processes: each in its host's network namespace, with the environment that kustomize
rendered for it, and the names and ports of Kubernetes' Services."""

import asyncio
import base64
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from souk_topologies.postgres import EmbeddedPostgres
from tests.infra.namespaces import Namespace
from tests.kubernetes.objects import Object, of_kind, pod_templates
from tests.kubernetes.policies import Endpoint

POSTGRES_PORT = 5432
STOP_S = 30
_PIPE = 65_536
# A hosts file of its own, seen by this process alone, stands for the cluster's DNS.
_IN_ITS_PLACE = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


def environment_of(name: str, objects: Sequence[Object]) -> dict[str, str]:
    """What Kubernetes would give the workload's container, secrets and all."""
    values = {
        **{("secretKeyRef", key): each["data"] for key, each in of_kind(objects, "Secret").items()},
        **{("configMapKeyRef", key): each["data"] for key, each in of_kind(objects, "ConfigMap").items()},
    }
    [container] = dict(pod_templates(objects))[name]["spec"]["containers"]
    told = {}
    for variable in container["env"]:
        if "value" in variable:
            told[variable["name"]] = variable["value"]
            continue
        [(source, reference)] = variable["valueFrom"].items()
        value = values[source, reference["name"]][reference["key"]]
        told[variable["name"]] = base64.b64decode(value).decode() if source == "secretKeyRef" else value
    return told


def put_services(
    namespaces: Mapping[str, Namespace], objects: Sequence[Object], endpoints: Sequence[Endpoint], folder: Path
) -> Path:
    """Lead each Service's port to its pod's, in every host, as the cluster's nodes do. Returns a hosts file with their
    names."""
    addresses = {each.name: each.address for each in endpoints}
    rules, names = [], ["127.0.0.1 localhost"]
    for name, service in of_kind(objects, "Service").items():
        [container] = dict(pod_templates(objects))[name]["spec"]["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        names.append(f"{addresses[name]} {name}")
        for each in service["spec"]["ports"]:
            to = f"{addresses[name]}:{ports[each['targetPort']]}"
            rules.append(f"ip daddr {addresses[name]} tcp dport {each['port']} dnat to {to}")
    chain = ["chain out {", "type nat hook output priority -100;", *rules, "}"]
    for endpoint in endpoints:
        namespaces[endpoint.name].command("nft", "-f", "-", given="\n".join(["table ip services {", *chain, "}"]))
    hosts = folder / "hosts"
    hosts.write_text("\n".join(names) + "\n")
    return hosts


class Pods:
    """Processes of the container runtime."""

    def __init__(self, namespaces: Mapping[str, Namespace], objects: Sequence[Object], hosts: Path, logs: Path) -> None:
        self._namespaces, self._objects, self._hosts, self._logs = namespaces, objects, hosts, logs
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, **besides: str) -> subprocess.Popen[bytes]:
        """Start a pod's container. `besides` are variables that its image sets, or in place of rendered ones."""
        environment = environment_of(name, self._objects) | besides
        container = [sys.executable, "-I", "-m", "souk_chassis.hosts.server"]
        with (self._logs / f"{name}.log").open("wb") as log:
            process = self._namespaces[name].run(
                lambda: subprocess.Popen(
                    [*_IN_ITS_PLACE, self._hosts, *container],
                    env=environment | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        self._running.append(process)
        return process

    def stop(self) -> list[int]:
        """End them all, as Kubernetes does. Returns their exit statuses."""
        for process in self._running:
            process.terminate()
        return [process.wait(STOP_S) for process in self._running]

    def kill(self) -> None:
        """Leave none behind, whatever happened."""
        for process in self._running:
            process.kill()
            process.wait(STOP_S)

    def log(self, name: str) -> str:
        """What a pod has said."""
        return (self._logs / f"{name}.log").read_text()


@asynccontextmanager
async def postgres_at(namespace: Namespace, address: str, password: str, folder: Path) -> AsyncIterator[None]:
    """The embedded server on its host's port: it listens on a socket in a folder, and bytes are carried there. It is
    nobody's pod: the image of PostgreSQL is not here."""
    server = EmbeddedPostgres(folder)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, "immediate")
        found = await server.start()
        connection = await asyncpg.connect(found.dsn("postgres"))
        try:
            await connection.execute(f"ALTER ROLE {found.user} PASSWORD '{password}'")
        finally:
            await connection.close()
        listener = namespace.run(lambda: _listener(address))
        socket_path = f"{found.host}/.s.PGSQL.{found.port}"
        carried = await asyncio.start_server(lambda reader, writer: _carry(socket_path, reader, writer), sock=listener)
        stack.callback(carried.close)
        yield


def _listener(address: str) -> socket.socket:
    return socket.create_server((address, POSTGRES_PORT))


async def _carry(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    inner_reader, inner_writer = await asyncio.open_unix_connection(path)
    try:
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
    except ConnectionError:
        pass  # one of the two has gone, and the other learns it
    finally:
        inner_writer.close()
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIPE):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
