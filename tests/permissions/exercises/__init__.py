"""The exercises of all functions: a service that has no module here does what its types let one try."""

from importlib import import_module
from importlib.util import find_spec

from souk_topologies.shop import SERVICES, manifest_of
from tests.permissions.exercise import EXERCISES, exercises_from_types

__all__ = ["EXERCISES"]

for _name in (*SERVICES, "edge"):
    if find_spec(f"{__name__}.{_name}") is None:
        exercises_from_types(manifest_of(_name))
    else:
        import_module(f"{__name__}.{_name}")
