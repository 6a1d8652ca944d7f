"""What the tests of the topologies share."""

import importlib
import pkgutil

import souk_topologies

# Some tests put other services into `souk_topologies.shop.SERVICES`. A module that a command imports only when it runs
# would take those, and keep them for the tests of others: so all are imported before.
for module in pkgutil.walk_packages(souk_topologies.__path__, "souk_topologies."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
