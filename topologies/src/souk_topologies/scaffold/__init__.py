"""`souk new service`: a service that passes `make check` and `make test` as it comes."""

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.making import Made, find_checkout, new_service

__all__ = ["Made", "ScaffoldError", "find_checkout", "new_service"]
