"""What becomes of an event that is given up: a dead letter, beside its queue on SQS where the bus is there."""

from souk_chassis.errors import SoukError
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import DeadLetters

LETTERS_AWAY_PAUSE_S = 60.0
"""How long an event that is given up waits while its dead letters can't be reached. Then it has one more attempt."""


async def give_up(
    instance: Instance, letters: DeadLetters | None, queue: str, event_id: str, reason: str, lease: int | None
) -> None:
    """Move an event to the dead letters: to `letters`, or the database's where there are none, or where they refuse it.
    `lease` as in `Database.bury`."""
    database, log = instance.database, instance.log
    if letters is not None:
        try:
            await database.bury(queue, event_id, reason, lease=lease, letters=letters)
        except SoukError as away:
            log.warning("dead letters are away", code=away.code, detail=away.detail, queue=queue, eventId=event_id)
            await database.postpone(queue, event_id, LETTERS_AWAY_PAUSE_S, lease=lease)
            return
        except Exception as refused:  # noqa: BLE001 - whatever they have against it, it must not come for ever
            log.error("dead letter refused", error=refused, queue=queue, eventId=event_id)
        else:
            return
    await database.bury(queue, event_id, reason, lease=lease)
