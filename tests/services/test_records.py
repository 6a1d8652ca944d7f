"""What services keep as records, on every engine."""

from souk_chassis.testing.records import EachRecord
from souk_topologies.shop import manifests


class TestRecords(EachRecord):
    """Each record of each service."""

    keeps = tuple(record for service in manifests().values() for record in service.keeps)
