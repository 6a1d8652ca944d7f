"""Kills a running shop again and again while it replays a real shop's orders, then asks whether anything was lost.

    python trials/chaos/crash.py --topology process|processes --kills 20 --seed 1 [FILE...]

Every kill is `kill -9` of a process chosen at random: the shop itself, one of its services, the gateway, the keeper, or
PostgreSQL. At the end every order must be there at its price and in an end state, and `souk audit` must hold. Prints
one JSON object; exit status 0 if all holds, else 1.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from souk_chassis.hosts.listening import free_port
from souk_topologies.data import sample_month_path
from souk_topologies.places import DataDir

SOUK = Path(sys.executable).with_name("souk")
KEEPER = "keeper"
POSTGRES = "postgres"
READY_TIMEOUT_S = 60.0
REPLAY_TIMEOUT_S = 600.0


@dataclass
class Shop:
    """A shop that is started again whenever its first process is killed."""

    data: DataDir
    topology: str
    port: int
    killed: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, and return when it takes orders."""
        command = [str(SOUK), "up", "--detach", "--empty", "--port", str(self.port), "--topology", self.topology]
        subprocess.run([*command, "--data-dir", str(self.data.path)], check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Stop it as a user would."""
        subprocess.run([str(SOUK), "down", "--data-dir", str(self.data.path)], check=True)

    @property
    def url(self) -> str:
        """The shop's address."""
        return f"http://127.0.0.1:{self.port}"

    def token(self) -> str:
        """An administrator's token."""
        command = [str(SOUK), "token", "--admin", "--data-dir", str(self.data.path)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def has_orders(self, token: str) -> bool:
        """Whether an order was placed yet."""
        request = urllib.request.Request(f"{self.url}/orders?limit=1", headers={"authorization": f"Bearer {token}"})
        with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            return bool(json.load(answer)["items"])
        return False

    def victims(self) -> dict[str, int]:
        """What can be killed now: name to process id."""
        found = dict(self.data.read_processes())
        state = self.data.read_state()
        if state is not None:
            found[KEEPER] = state.pid
        with suppress(FileNotFoundError, ValueError, IndexError):  # it may be stopped just now
            found[POSTGRES] = int((self.data.postgres / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        return found

    def kill(self, name: str, pid: int) -> None:
        """`kill -9`. Services and PostgreSQL are started again by the keeper; the keeper by us."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.killed[name] = self.killed.get(name, 0) + 1
        if name == KEEPER:
            self._start_when_free()

    def _start_when_free(self) -> None:
        """What the killed keeper leaves behind ends by itself: the lock at once, its children within a moment."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            try:
                self.start()
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def crash(shop: Shop, files: list[Path], kills: int, seed: int, pause_s: float) -> dict[str, object]:
    """Replay under fire, with pauses of at most `pause_s` between the kills. Returns what was found."""
    chance = random.Random(seed)
    environment = dict(os.environ) | {"SOUK_TOKEN": shop.token()}
    command = [str(SOUK), "replay", *map(str, files), "--json", "--url", shop.url]
    replay = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    done = 0
    try:
        while replay.poll() is None and not shop.has_orders(environment["SOUK_TOKEN"]):
            time.sleep(0.02)
        while done < kills and replay.poll() is None:
            time.sleep(chance.uniform(0.05, pause_s))
            victims = shop.victims()
            if replay.poll() is None and victims:
                name = chance.choice(sorted(victims))
                shop.kill(name, victims[name])
                done += 1
        out, err = replay.communicate(timeout=REPLAY_TIMEOUT_S)
    finally:
        replay.kill()
        replay.wait()
    audit = subprocess.run(
        [str(SOUK), "audit", "--json", "--data-dir", str(shop.data.path)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    figures = json.loads(out.splitlines()[-1]) if replay.returncode == 0 else {"failed": err.strip().splitlines()[-1:]}
    return {
        "seed": seed,
        "topology": shop.topology,
        "kills": done,
        "killed": shop.killed,
        "replay": figures,
        "audit": json.loads(audit.stdout) if audit.stdout else {"ok": False},
    }


def holds(found: dict[str, object]) -> bool:
    """Whether nothing was lost: every order confirmed at its price, and the books agree."""
    replay, audit = found["replay"], found["audit"]
    assert isinstance(replay, dict)
    assert isinstance(audit, dict)
    complete = replay.get("orders") == replay.get("confirmed") and replay.get("amount") == replay.get(
        "confirmed_amount"
    )
    return "orders" in replay and complete and audit["ok"] is True


def run(topology: str, files: list[Path], kills: int, seed: int, pause_s: float = 0.8) -> dict[str, object]:
    """A shop of its own, crashed and checked, and nothing left behind."""
    folder = Path(tempfile.mkdtemp(prefix="souk-chaos-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    shop = Shop(DataDir(folder), topology, free_port())
    try:
        shop.start()
        found = crash(shop, files, kills, seed, pause_s)
        shop.stop()
    finally:
        subprocess.run([str(SOUK), "down", "--data-dir", str(folder)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder)
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, help="trade histories; the shipped month if left out")
    parser.add_argument("--topology", choices=["process", "processes"], default="process")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = run(given.topology, given.files or [sample_month_path()], given.kills, given.seed)
    print(json.dumps(found))
    return 0 if holds(found) else 1


if __name__ == "__main__":
    sys.exit(main())
