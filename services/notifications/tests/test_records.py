"""What the notifications service keeps, on every engine."""

from souk_chassis.testing.records import EachRecord
from souk_notifications.manifest import service


class TestRecords(EachRecord):
    """Each record."""

    keeps = service.keeps
