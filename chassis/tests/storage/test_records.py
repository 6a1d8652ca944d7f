"""Records on every engine."""

from souk_chassis.testing.record_contract import RecordContract
from souk_chassis.testing.records import EachRecord


class TestRecords(RecordContract):
    """What every engine does."""


class TestSamples(EachRecord):
    """The samples of the contract, as those of a service."""
