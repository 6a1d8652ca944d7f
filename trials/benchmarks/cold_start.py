"""What a cold start costs on Lambda, and a warm event: Souk's runtime beside FastAPI, Powertools and a bare handler.

    python trials/benchmarks/cold_start.py [ROUNDS]

Each start is a fresh interpreter that has imported what AWS's own runtime imports before any handler, with byte code at
hand. All four get the same event, validate the same order, and answer the same JSON. They take turns; medians count.
`make bench-tools` installs FastAPI, Mangum and Powertools. Prints a table, times in milliseconds and microseconds.
"""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"bare": "json alone", "souk": "Souk", "powertools": "Powertools", "fastapi_mangum": "FastAPI, Mangum"}
ROUNDS = 31
WARM = 2_000
"""Warm events of each start."""
ANSWER = {"orderId": "o-1", "status": "PENDING", "units": 6}


class Start(msgspec.Struct, frozen=True):
    """One start: its import and its first event, by the clock, and both by the CPU; then a warm event, on average."""

    import_ms: float
    first_ms: float
    cpu_ms: float
    warm_us: float
    modules: int
    status: int
    body: dict[str, object]
    refused: int

    @property
    def cold_ms(self) -> float:
        """Until the first answer."""
        return self.import_ms + self.first_ms


def start(name: str, warm: int = WARM) -> Start:
    """Start a function in a fresh interpreter. Raises RuntimeError where it answers otherwise than the others."""
    command = [sys.executable, "-m", "trials.benchmarks.cold.one_start", name, str(warm)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} did not start: {done.stderr} (make bench-tools installs what it needs)")
    found = msgspec.json.decode(done.stdout.splitlines()[-1], type=Start)
    if (found.status, found.body, found.refused) != (201, ANSWER, 422):
        raise RuntimeError(f"{name} does other work: {found}")
    return found


def measure(rounds: int = ROUNDS) -> Mapping[str, Sequence[Start]]:
    """The starts of each function, which take turns. The first of each, which may write byte code, does not count."""
    found: dict[str, list[Start]] = {name: [] for name in NAMES}
    for name in NAMES:
        start(name, 100)
    for _ in range(rounds):
        for name, starts in found.items():
            starts.append(start(name))
    return found


def table(found: Mapping[str, Sequence[Start]]) -> str:
    """The figures as text: medians, and how often Souk's the others take, by the medians of the rounds' own ratios."""
    lines = [
        f"{'':16} {'import':>8} {'first':>8} {'cold':>8} {'x Souk':>7} {'cpu':>8} {'modules':>8} {'warm us':>8} x Souk"
    ]
    for name, label in NAMES.items():
        starts = found[name]
        cold = statistics.median(one.cold_ms / souk.cold_ms for one, souk in zip(starts, found["souk"], strict=True))
        warm = statistics.median(one.warm_us / souk.warm_us for one, souk in zip(starts, found["souk"], strict=True))
        ms = [statistics.median(getattr(one, part) for one in starts) for part in ("import_ms", "first_ms", "cold_ms")]
        cpu = statistics.median(one.cpu_ms for one in starts)
        warm_us = statistics.median(one.warm_us for one in starts)
        figures = " ".join(f"{each:8.1f}" for each in ms)
        lines.append(f"{label:16} {figures} {cold:7.2f} {cpu:8.1f} {starts[0].modules:8} {warm_us:8.1f} {warm:6.2f}")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print(table(measure(rounds)))


if __name__ == "__main__":
    main()
