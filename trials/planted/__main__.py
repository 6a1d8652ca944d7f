"""Plants each bug in a copy of the tree and runs the tests named for it: they must fail.

    python -m trials.planted [--json] [--jobs N] [NAME...]

In the end the tests that failed run on a copy without a bug, and must pass: a test that always fails finds nothing.
Exit status 0 if every bug is found, else 1.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from trials.planted.bugs import Bug, MisplacedError, read_bugs
from trials.planted.scratch import scratch_copy

FOUND, NOT_FOUND, DOES_NOT_APPLY, BROKEN = "found", "not found", "does not apply", "tests do not run"
FAILS_ANYWAY = "fails without it"
TIMEOUT_S = 600.0
"""How long the tests of one bug may take, in seconds: a bug that makes them hang is not found by them."""
CONTROL_TIMEOUT_S = 3_600.0
"""How long those that found one may take without a bug."""
PAGES = "tests/pages"
"""These drive the browser from an event loop of their own, beside which no other test's can run."""
PASSED, FAILED = 0, 1
"""Exit statuses of pytest."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one bug. `detail` is the test that found it, or why none did."""

    name: str
    outcome: str
    detail: str
    seconds: float


def try_bug(bug: Bug) -> Result:
    """Plant the bug in a copy of its own, and run its tests there."""
    begun = time.monotonic()
    with scratch_copy() as tree:
        try:
            bug.plant(tree)
        except MisplacedError as error:
            return Result(bug.name, DOES_NOT_APPLY, str(error), 0.0)
        status, output = run_tests(tree, bug.tests, "-x")
    outcome = FOUND if status == FAILED else NOT_FOUND if status == PASSED else BROKEN
    failed = failures(output)
    detail = failed[0] if failed else "\n".join(output.splitlines()[-5:])
    return Result(bug.name, outcome, detail, round(time.monotonic() - begun, 1))


def run_tests(tree: Path, tests: Sequence[str], *options: str, timeout_s: float = TIMEOUT_S) -> tuple[int | None, str]:
    """Run these tests in the copy. Returns pytest's exit status, None where time ran out, and what it printed.

    Temporary folders are beside the copy, so that all that tests have started is found by its path, and ended.
    """
    command = [str(tree / ".venv/bin/python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environment["TMPDIR"] = str(tree.parent / "tmp")
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=timeout_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired as stopped:
        output = (stopped.stdout or b"").decode(errors="replace")
        return None, f"{output}\nstopped after {timeout_s:.0f} s"
    finally:
        end_processes(tree.parent)
    return done.returncode, done.stdout


def end_processes(folder: Path) -> None:
    """End what still works in the folder: only where tests were stopped, or a bug made them leave something."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=10)


def without_bugs(results: Sequence[Result]) -> list[Result]:
    """Run the tests that found bugs on a copy without one. A test that fails there has found nothing."""
    finders = sorted({result.detail for result in results if result.outcome == FOUND})
    pages = [test for test in finders if test.startswith(PAGES)]
    failing: set[str] = set()
    with scratch_copy() as tree:
        for part in filter(None, ([test for test in finders if test not in pages], pages)):
            status, output = run_tests(tree, part, timeout_s=CONTROL_TIMEOUT_S)
            failing |= {test for test in part if status not in {PASSED, FAILED}} | set(failures(output))
    return [
        replace(result, outcome=FAILS_ANYWAY) if result.outcome == FOUND and result.detail in failing else result
        for result in results
    ]


def failures(output: str) -> list[str]:
    """The ids of the tests that failed, of what pytest printed."""
    lines = output.splitlines()
    return [line.partition(" ")[2].partition(" - ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trial. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trials.planted", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these bugs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--jobs", type=int, default=2, help="bugs tried side by side (2)")
    options = parser.parse_args(arguments)
    bugs = read_bugs()
    unknown = set(options.names) - {bug.name for bug in bugs}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    bugs = [bug for bug in bugs if not options.names or bug.name in options.names]
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(try_bug, bugs):
            results.append(result)
            print(f"{result.outcome:16} {result.name}: {result.detail}", file=sys.stderr, flush=True)
    results = without_bugs(results)
    found = sum(result.outcome == FOUND for result in results)
    if options.json:
        print(json.dumps({"found": found, "total": len(bugs), "bugs": [asdict(each) for each in results]}, indent=1))
    else:
        print(*(f"{each.outcome}: {each.name}" for each in results if each.outcome != FOUND), sep="\n")
        print(f"{found} of {len(bugs)} planted bugs found")
    return int(found < len(bugs))


if __name__ == "__main__":
    sys.exit(main())
