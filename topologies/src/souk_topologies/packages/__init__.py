"""Packages of the functions: a zip for each service and one for the edge, the same byte for byte whoever builds it.

A package holds what its `pyproject.toml` needs on Lambda and nothing else: no server, no driver, no SDK, no test.
"""

from souk_topologies.packages.build import MAX_PACKAGE_BYTES, PACKAGES, Package, build_packages
from souk_topologies.packages.faults import PackageError
from souk_topologies.packages.wheels import DEFAULT_PLATFORM, DEFAULT_PYTHON, Target

__all__ = [
    "DEFAULT_PLATFORM",
    "DEFAULT_PYTHON",
    "MAX_PACKAGE_BYTES",
    "PACKAGES",
    "Package",
    "PackageError",
    "Target",
    "build_packages",
]
