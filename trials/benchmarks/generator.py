"""Runs the load generator as a process of its own, so that neither its work nor ours is in the other's way."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from trials.benchmarks.plan import LoadPlan, LoadResult

ROOT = Path(__file__).parents[2]
"""Programs of ours run as modules from here."""
BODIES = 2_000
"""Different orders that a run places, again and again."""
PRODUCTS = 1_000
"""What is sold: the products 1 to this. The last one is the hot one."""
PRICE_MINOR = 255


class ProgramError(RuntimeError):
    """A program that a benchmark runs ended with an error."""


async def run_program(
    command: Sequence[str], *, stdin: bytes | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end and return what it printed. Raises ProgramError."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment
    )
    try:
        out, err = await process.communicate(stdin)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode != 0:
        said = err.decode(errors="replace").strip().splitlines()[-3:]
        raise ProgramError(f"{Path(command[0]).name} {command[1:4]} ended with {process.returncode}: {' '.join(said)}")
    return out.decode()


async def play(plan: LoadPlan) -> LoadResult:
    """Play a plan in a process of its own. Raises ProgramError."""
    command = [sys.executable, "-m", "trials.benchmarks.load"]
    return msgspec.json.decode(await run_program(command, stdin=msgspec.json.encode(plan)), type=LoadResult)


def three_lines(seed: int) -> tuple[str, ...]:
    """Orders of three lines over all products."""
    chance = random.Random(seed)
    return tuple(_body([(chance.randint(1, PRODUCTS), 1) for _ in range(3)]) for _ in range(BODIES))


def three_hot_lines() -> tuple[str, ...]:
    """Orders of three lines, all of the hot product: what `three_lines` are where there is one product."""
    return (_body([(PRODUCTS, 1)] * 3),)


def one_hot_line() -> tuple[str, ...]:
    """Orders of three units of the hot product, and of nothing else."""
    return (_body([(PRODUCTS, 3)]),)


def one_body(product_id: str) -> str:
    """An order of one unit."""
    return msgspec.json.encode({"items": [{"productId": product_id, "quantity": 1}]}).decode()


def _body(lines: Sequence[tuple[int, int]]) -> str:
    items = [{"productId": str(product), "quantity": quantity} for product, quantity in lines]
    return msgspec.json.encode({"items": items}).decode()
