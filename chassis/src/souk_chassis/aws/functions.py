"""Lambda: one function asks another and waits for its answer (Lambda's API reference, "Invoke")."""

from urllib.parse import quote

import msgspec

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.services import LAMBDA


class Invoked(msgspec.Struct, frozen=True):
    """What came of it: the function's answer, in JSON.

    Where the function itself failed, `function_error` is "Unhandled" or "Handled" and `payload` says how
    (`{"errorMessage": ..., "errorType": ...}`): what it did before that has happened. Otherwise it is empty.
    """

    payload: bytes
    function_error: str = ""


class Functions:
    """The functions of a region."""

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws

    async def invoke(
        self, function: str, payload: bytes, *, timeout_s: float | None = None, repeatable: bool = False
    ) -> Invoked:
        """Call a function, by name or ARN, with a JSON payload, and wait for at most `timeout_s`.

        Raises SoukError `unavailable` where it was not started (throttled, being updated), `timeout_unknown` where no
        answer came: it may run on; `RequestRefusedError` where there is none or it may not be called.
        """
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        answer = await self._aws.rest(
            LAMBDA,
            "POST",
            path,
            payload,
            headers={"X-Amz-Invocation-Type": "RequestResponse"},
            repeatable=repeatable,
            timeout_s=timeout_s,
        )
        return Invoked(answer.body, answer.headers.get("x-amz-function-error", ""))
