"""What the tests of the deployment scripts share."""

from pathlib import Path

import pytest

from tests.delivery.cloud import NEW, Cloud, function

FUNCTIONS = ("order-service", "order-service-calls", "order-service-events")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Order-service on Lambda, with its alarms off."""
    made = Cloud(tmp_path)
    made.change(
        functions={name: function() for name in FUNCTIONS},
        alarms={f"souk-{name}-errors": "OK" for name in FUNCTIONS},
    )
    return made


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of new code."""
    written = tmp_path / "orders.zip"
    written.write_bytes(NEW)
    return written
