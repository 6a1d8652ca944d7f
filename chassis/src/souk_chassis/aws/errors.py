"""What can go wrong on the way to AWS: first as the transport sees it, then as its callers' callers do."""

from souk_chassis.errors import SoukError, timeout_unknown, unavailable

UNAVAILABLE = "aws_unavailable"
"""The code of `unavailable` where a service of AWS can't be reached, or says that it can't be used just now."""
THROTTLED = "aws_throttled"
"""The code of `unavailable` where a service of AWS was asked more often than it allows."""
ANSWER_LOST = "aws_answer_lost"
"""The code of `timeout_unknown` where a service of AWS failed or fell silent after it had got the request."""

_THROTTLING = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMSThrottlingException",
        "KmsThrottled",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_PASSING = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        # A function that is being updated, or was idle for weeks and is being brought back.
        "ResourceConflictException",
        "ResourceNotReadyException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)


class CouldNotConnectError(Exception):
    """Nothing that could be acted on was sent: the name is unknown, the connection was refused, or no time was left."""


class AnswerLostError(Exception):
    """The request was sent, and no whole answer came. It may have happened."""


class RequestRefusedError(RuntimeError):
    """AWS understood the request and refused it for good: a fault of this program or of its permissions.

    `code` is AWS's word for it, such as "AccessDeniedException"; empty where it gave none.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


def is_throttling(code: str) -> bool:
    """Whether this is a word of AWS for "too often". Nothing happened then."""
    return code in _THROTTLING


def aws_unavailable() -> SoukError:
    """A service of AWS can't be reached. Nothing happened."""
    return unavailable(UNAVAILABLE, "A service of AWS can't be reached just now.")


def aws_throttled() -> SoukError:
    """A service of AWS was asked too often. Nothing happened."""
    return unavailable(THROTTLED, "A service of AWS is busier than it may be.")


def aws_answer_lost() -> SoukError:
    """It may have happened."""
    return timeout_unknown(ANSWER_LOST, "A service of AWS gave no whole answer.")


def refusal(what: str, code: str, message: str, status: int) -> Exception:
    """The exception for an error answer to `what` ("sqs SendMessageBatch"): a SoukError, or `RequestRefusedError` for
    what no retry mends. `code` and `message` are AWS's own, both empty where the answer can't be read."""
    if is_throttling(code) or status == 429:
        return aws_throttled()
    if code in _PASSING:
        return aws_unavailable()
    if status >= 500:
        return aws_answer_lost()
    return RequestRefusedError(f"{what}: {code or status}: {message}", code)
