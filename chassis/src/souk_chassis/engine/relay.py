"""The relay: hands a service's outbox to the bus, a batch at a time. What a topic refuses waits, and holds up nothing
else."""

import time
from collections.abc import Mapping

from souk_chassis.errors import SoukError
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Bus, PublishDeferredError, UnpublishableError

RELAY_BATCH = 256
"""Messages that leave the outbox in one go."""
RELAY_FAULT_PAUSE_S = 10.0
"""How long events of a type are left alone after a fault of this program or of its permissions, such as a topic that is
missing, and how long a relay pauses after any other: nobody but people mends it."""


class Relay:
    """One service's way out of its outbox."""

    def __init__(self, instance: Instance, bus: Bus) -> None:
        self._database = instance.database
        self._log = instance.log
        self._bus = bus
        self._left_alone: dict[str, float] = {}
        """Types of events, and until when, as of `time.monotonic`."""

    async def once(self) -> int:
        """Relay one batch. Returns how many messages left the outbox; of what could not be published, how many events
        were put aside. Raises SoukError where a repeat may help."""
        now_s = time.monotonic()
        self._left_alone = {kind: until_s for kind, until_s in self._left_alone.items() if until_s > now_s}
        try:
            return await self._database.relay(self._bus, RELAY_BATCH, self._left_alone)
        except UnpublishableError as error:
            self._log.error("events can't be published", error=error, events=len(error.messages))
            return len(error.messages)
        except PublishDeferredError as error:
            self._leave_alone(error.faults)
            if isinstance(error.fault, SoukError):
                raise error.fault from error
            return 0

    def _leave_alone(self, faults: Mapping[str, Exception]) -> None:
        for kind, fault in faults.items():
            if not isinstance(fault, SoukError):
                self._log.error("events held back", error=fault, type=kind)
                self._left_alone[kind] = time.monotonic() + RELAY_FAULT_PAUSE_S
