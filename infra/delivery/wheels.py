#!/usr/bin/env python3
"""Puts the wheels of one package of the functions into a folder, with their names and versions beside them.

    .venv/bin/python infra/delivery/wheels.py orders build/wheels

A package itself leaves out what installers wrote, and so a scanner would find nothing in it to look up.
"""

import argparse
import sys
from pathlib import Path

from souk_topologies.packages import PACKAGES, PackageError, Target
from souk_topologies.packages.build import member_of
from souk_topologies.packages.needs import needs_of, read_members
from souk_topologies.packages.wheels import install

CHECKOUT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Status 0, or 1 with the reason."""
    parser = argparse.ArgumentParser(description="Puts the wheels of a package into a folder, for a scanner.")
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        needs = needs_of(member_of(given.package), read_members(CHECKOUT))
        install(CHECKOUT, needs.others, Target(), given.folder.resolve())
    except PackageError as error:
        print(f"wheels.py: {error}", file=sys.stderr)
        return 1
    for known in sorted(given.folder.glob("*.dist-info")):
        print(known.name.removesuffix(".dist-info"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
