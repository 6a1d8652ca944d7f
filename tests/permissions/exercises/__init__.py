"""The exercises of all functions."""

from importlib import import_module

from souk_topologies.shop import SERVICES
from tests.permissions.exercise import EXERCISES

__all__ = ["EXERCISES"]

for _name in (*SERVICES, "edge"):
    import_module(f"{__name__}.{_name}")
