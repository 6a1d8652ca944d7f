"""Records on Amazon's own DynamoDB Local, over the real signed client: the same suite as on the model."""

from collections.abc import Sequence

import pytest

from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.record_rows import table_of
from souk_chassis.storage.dynamodb.records import DynamoRecords
from souk_chassis.storage.dynamodb.schema import Table, events_table
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.record_contract import RecordContract


class TestRecordsOnDynamoDB(RecordContract):
    """The contract."""

    @pytest.fixture
    def tables(self) -> Sequence[Table]:
        return [*map(table_of, self.keeps), events_table("samples")]

    @pytest.fixture
    async def store(self, client: DynamoClient, clock: ManualClock) -> DynamoRecords:
        return DynamoRecords(client, "samples", clock)
