"""A signed call of a service of AWS, in each of the protocols that these services speak (Smithy's "AWS JSON 1.0 and
1.1", "AWS restJson1" and "AWS query")."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from souk_chassis import wire
from souk_chassis.aws.credentials import CredentialSource, FoundCredentials
from souk_chassis.aws.errors import (
    AnswerLostError,
    CouldNotConnectError,
    aws_answer_lost,
    aws_unavailable,
    refusal,
)
from souk_chassis.aws.services import AwsService
from souk_chassis.aws.signing import signed_headers
from souk_chassis.aws.transport import HttpRequest, HttpResponse, HttpTransport, Transport

_FORM = "application/x-www-form-urlencoded; charset=utf-8"


class AwsClient:
    """Calls of AWS's services in one region, or of an emulator's at `endpoint`. Each call is tried once.

    It is shared by all that speak to AWS in a process, in any task and any loop.
    """

    def __init__(
        self,
        region: str,
        credentials: CredentialSource,
        transport: Transport,
        endpoint: str | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.region = region
        self._credentials = credentials
        self._transport = transport
        self._endpoint = endpoint.rstrip("/") if endpoint else None
        self._now = now

    async def json(
        self,
        service: AwsService,
        operation: str,
        request: Mapping[str, Any],
        *,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """One call in a JSON protocol: the request and the answer as the service's API reference has them.

        Raises SoukError `unavailable` where nothing happened (refused connection, throttling), `timeout_unknown` where
        it may have, and `RequestRefusedError` for what no retry mends. `repeatable` and `timeout_s`: `HttpRequest`.
        """
        response = await _mapped(
            self.send_json(service, operation, request, repeatable=repeatable, timeout_s=timeout_s)
        )
        if response.status != 200:
            raise json_refusal(f"{service.host} {operation}", response)
        return read_json(response)

    async def query(self, service: AwsService, action: str, parameters: Mapping[str, str]) -> bytes:
        """One call in the Query protocol. Returns the XML of the answer; raises as `json` does."""
        form = urlencode({"Action": action, "Version": service.version, **parameters}, quote_via=quote)
        response = await _mapped(self.send(service, "POST", "/", headers={"Content-Type": _FORM}, body=form.encode()))
        if response.status != 200:
            from souk_chassis.aws.xml import error_of

            raise refusal(f"{service.host} {action}", *error_of(response.body), response.status)
        return response.body

    async def rest(
        self,
        service: AwsService,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> HttpResponse:
        """One call in the REST-JSON protocol, its path quoted. Returns an answer of success; raises as `json` does."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        response = await _mapped(
            self.send(service, method, path, headers=sent, body=body, repeatable=repeatable, timeout_s=timeout_s)
        )
        if not 200 <= response.status < 300:
            raise json_refusal(f"{service.host} {method} {path}", response)
        return response

    async def send_json(
        self,
        service: AwsService,
        operation: str,
        request: Mapping[str, Any],
        *,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> HttpResponse:
        """As `json`, for callers that read answers and failures themselves: it raises what `Transport.send` does."""
        headers = {
            "Content-Type": f"application/x-amz-json-{service.version}",
            "X-Amz-Target": f"{service.target}.{operation}",
        }
        body = msgspec.json.encode(request)
        return await self.send(
            service, "POST", "/", headers=headers, body=body, repeatable=repeatable, timeout_s=timeout_s
        )

    async def send(
        self,
        service: AwsService,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> HttpResponse:
        """One signed request, and whatever was answered. Raises what `Transport.send` does, and SoukError
        `unavailable` without credentials."""
        url = (self._endpoint or service.url(self.region)) + path
        signed = signed_headers(
            method,
            url,
            {**headers, "Accept-Encoding": "identity"},
            body,
            await self._credentials.current(),
            region=self.region,
            service=service.signed_as,
            now=self._now(),
        )
        return await self._transport.send(HttpRequest(method, url, signed, body, repeatable, timeout_s))

    async def close(self) -> None:
        """Release connections."""
        await self._transport.close()


async def _mapped(answer: Awaitable[HttpResponse]) -> HttpResponse:
    """The answer, or the transport's errors in ours."""
    try:
        return await answer
    except CouldNotConnectError as error:
        raise aws_unavailable() from error
    except AnswerLostError as error:
        raise aws_answer_lost() from error


def open_aws(environment: Mapping[str, str], transport: Transport | None = None) -> AwsClient:
    """The client that the environment describes: AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL for an emulator,
    and credentials as `FoundCredentials` has it. Raises ValueError without a region."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise ValueError("AWS_REGION is not set")
    endpoint = environment.get("AWS_ENDPOINT_URL") or None
    return AwsClient(region, FoundCredentials(environment), transport or HttpTransport(), endpoint)


def read_json(response: HttpResponse) -> dict[str, Any]:
    """The answer's JSON. Raises SoukError `timeout_unknown` where it is none: it came from something on the way."""
    try:
        return wire.decode(response.body or b"{}", dict[str, Any])
    except wire.UNREADABLE as error:
        raise aws_answer_lost() from error


def json_refusal(what: str, response: HttpResponse) -> Exception:
    """The exception for an error answer of a JSON protocol; see `refusal`."""
    try:
        body = wire.decode(response.body, dict[str, Any])
    except wire.UNREADABLE:
        body = {}  # from something on the way: its status says enough
    # "com.amazonaws.sqs#QueueDoesNotExist", "ValidationException:http://internal.amazon.com/..."
    name = str(response.headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or "")
    code = name.partition(":")[0].rpartition("#")[2]
    return refusal(what, code, str(body.get("message") or body.get("Message") or ""), response.status)
