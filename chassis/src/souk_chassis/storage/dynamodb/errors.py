"""DynamoDB's errors in ours (its API reference, "Common Errors", and "Error handling with DynamoDB").

A failed condition and a cancelled transaction are told apart from throttling and from a collision of transactions:
the first two are answers, the others pass.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from souk_chassis.aws.errors import RequestRefusedError as RequestRefusedError  # the stores know it from here
from souk_chassis.errors import ErrorKind, SoukError, invalid, timeout_unknown, unavailable
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.ports import TOO_WIDE

THROTTLED = "database_throttled"
"""The code of `unavailable` where a table, a partition or the account has used up its capacity for the moment."""
ANSWER_LOST = "database_answer_lost"
"""The code of `timeout_unknown` where DynamoDB failed or fell silent after it had got the request."""

CONDITION = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"
_THROTTLING_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
_THROTTLING = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "LimitExceededException",
    }
)
_COLLIDING = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_FAILED_INSIDE = frozenset({"InternalServerError", "InternalServerErrorException"})
_PASSING = frozenset({"ServiceUnavailable", "ServiceUnavailableException", "ExpiredTokenException"})


class ConditionFailedError(SoukError):
    """The condition of a single write did not hold. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(ErrorKind.CONFLICT, "condition_failed", "The item is not as it was expected to be.")


class TransactionCancelledError(SoukError):
    """Conditions of a transaction did not hold. Nothing was written.

    `reasons` has DynamoDB's code for each action, in their order: "None" for those that were not to blame.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(ErrorKind.CONFLICT, "transaction_cancelled", "Items are not as they were expected to be.")
        self.reasons = tuple(reasons)


def throttled() -> SoukError:
    """There is no capacity left for the moment. Nothing happened."""
    return unavailable(THROTTLED, "The database is busier than it may be.")


def too_wide(why: str) -> SoukError:
    """A unit of work does not fit one transaction. It is never split: part of it would be kept without the rest."""
    return invalid(TOO_WIDE, f"This is too much to be kept as a whole: {why}.")


def answer_lost() -> SoukError:
    """It may have happened."""
    return timeout_unknown(ANSWER_LOST, "The database gave no whole answer.")


def translate(body: Mapping[str, Any], status: int = 400) -> Exception:
    """The exception for an error answer of DynamoDB: a SoukError, or `RequestRefusedError` for what no retry mends."""
    kind = str(body.get("__type", "")).rpartition("#")[2]
    if kind == "TransactionCanceledException":
        return _cancelled(body)
    if kind == "ConditionalCheckFailedException":
        return ConditionFailedError()
    if kind in _COLLIDING:
        return CollisionError()
    if kind in _THROTTLING:
        return throttled()
    if kind in _PASSING:
        return unavailable("database_unavailable", "The database can't be reached just now.")
    if kind in _FAILED_INSIDE or status >= 500:
        return answer_lost()
    return RequestRefusedError(f"{kind or status}: {body.get('message') or body.get('Message') or ''}", kind)


def _cancelled(body: Mapping[str, Any]) -> Exception:
    reasons = [reason.get("Code", "None") for reason in body.get("CancellationReasons", ())]
    if CONDITION in reasons:
        return TransactionCancelledError(reasons)
    if CONFLICT in reasons:
        return CollisionError(reasons)
    if _THROTTLING_REASONS.intersection(reasons):
        return throttled()
    return RequestRefusedError(f"TransactionCanceledException: {body.get('message') or body.get('Message') or reasons}")
