"""What a call from one service to another costs where both are in one process. Measured by a program of its own."""

import sys

from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import run_program
from trials.benchmarks.report import limited
from trials.benchmarks.settings import Settings

NAME = "in_process_call_us"
NAMES = (NAME,)
LIMIT_US, STRETCH_US = 30.0, 15.0
PROGRAM = "from trials.benchmarks.in_process_call import measure; print(measure())"


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figure."""
    values = [float(await run_program([sys.executable, "-c", PROGRAM])) for _ in range(settings.rounds)]
    note = "With deadline, policy and span."
    findings.figures.append(limited(NAME, "us", values, limit=LIMIT_US, stretch=STRETCH_US, note=note))
