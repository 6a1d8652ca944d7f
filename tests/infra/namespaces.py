"""Hosts in network namespaces of their own, wired to one switch, and rules of nftables in each.

A namespace is a thread's: it lives as long as the thread or a socket made in it, so that nothing is left when the
process ends, however it ends. Addresses are known inside these namespaces alone.
"""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import pytest

from tests.kubernetes.objects import Object
from tests.kubernetes.policies import EGRESS, INGRESS, Endpoint, Opening, openings

Result = TypeVar("Result")

_CLONE_NEWNET = 0x40000000
_COMMAND_S = 30
_LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace with nothing in it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, initializer=_leave)
        self.path = self.run(lambda: f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net")

    def run(self, function: Callable[[], Result]) -> Result:
        """Call a function in it. A socket that it makes stays in it, whoever uses it."""
        return self._thread.submit(function).result(_COMMAND_S)

    def command(self, *command: str, given: str) -> None:
        """Run a program in it."""
        done = self.run(
            lambda: subprocess.run(
                command, input=given, capture_output=True, text=True, timeout=_COMMAND_S, check=False
            )
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def close(self) -> None:
        """Leave it: it is gone with its last socket."""
        self._thread.shutdown()


def _leave() -> None:
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: a network namespace needs root")


def must_have_tools() -> None:
    """Fail where something is missing that this needs."""
    for program, package in (("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program) is None:
            pytest.fail(f"There is no {program} in the path: run `make test-infra-tools`, or install {package}.")
    if os.geteuid() != 0:
        pytest.fail("Network namespaces need root: run `make test-infra` as root.")


@contextmanager
def hosts(endpoints: Sequence[Endpoint]) -> Iterator[dict[str, Namespace]]:
    """A namespace for each, by name. Each reaches each, until rules say otherwise."""
    must_have_tools()
    with ExitStack() as stack:
        switch = Namespace()
        stack.callback(switch.close)
        made = {}
        wires = ["link add switch type bridge", "link set switch up"]
        for number, endpoint in enumerate(endpoints):
            made[endpoint.name] = namespace = Namespace()
            stack.callback(namespace.close)
            wires += [
                f"link add port{number} type veth peer name wire netns {namespace.path}",
                f"link set port{number} master switch up",
            ]
        switch.command("ip", "-batch", "-", given="\n".join(wires))
        for endpoint in endpoints:
            # A /32 and a route to everywhere: all are on one wire, whatever their addresses.
            lines = ["link set lo up", f"address add {endpoint.address}/32 dev wire", "link set wire up"]
            made[endpoint.name].command("ip", "-batch", "-", given="\n".join([*lines, "route add default dev wire"]))
        yield made


def put_rules(namespaces: dict[str, Namespace], policies: Sequence[Object], endpoints: Sequence[Endpoint]) -> None:
    """Make the rules of nftables that do what the policies say, in each host's namespace, in place of those before."""
    addresses = {endpoint.name: endpoint.address for endpoint in endpoints}
    for pod in endpoints:
        chains = [
            _chain(hook, openings(policies, pod, direction, endpoints), addresses)
            for hook, direction in (("input", INGRESS), ("output", EGRESS))
        ]
        namespaces[pod.name].command(
            "nft", "-f", "-", given="\n".join(["flush ruleset", "table inet policies {", *chains, "}"])
        )


def _chain(hook: str, allowed: Iterable[Opening] | None, addresses: dict[str, str]) -> str:
    """Answers to what was allowed always pass. The rest is refused at once: dropping it would only take longer."""
    if allowed is None:
        return ""
    side, peer = ("saddr", "iif") if hook == "input" else ("daddr", "oif")
    rules = [
        f"ip {side} {addresses[each.peer]} {each.protocol.lower()} dport {each.port or '0-65535'} accept"
        for each in sorted(allowed)
    ]
    return "\n".join(
        [
            f"chain {hook} {{",
            f"type filter hook {hook} priority filter; policy drop;",
            f"{peer} lo accept",
            "ct state established,related accept",
            *rules,
            "meta l4proto tcp reject with tcp reset",
            "reject",
            "}",
        ]
    )
