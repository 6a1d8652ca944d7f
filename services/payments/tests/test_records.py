"""What the payments service and its sandbox keep, on every engine."""

from souk_chassis.testing.records import EachRecord
from souk_payments.manifest import service


class TestRecords(EachRecord):
    """Each record."""

    keeps = service.keeps
