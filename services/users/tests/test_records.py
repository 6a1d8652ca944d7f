"""What the users service keeps, on every engine."""

from souk_chassis.testing.records import EachRecord
from souk_users.manifest import service


class TestRecords(EachRecord):
    """Each record."""

    keeps = service.keeps
