"""AWS Signature Version 4 by botocore, which is imported here alone: `pip install souk-chassis[dynamodb]`."""

import asyncio
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.session import Session

from souk_chassis.errors import unavailable
from souk_chassis.storage.dynamodb.client import CREDENTIALS_KEPT_S


class Signer:
    """Signs requests to one service of one region, with the credentials that botocore finds as every AWS tool does: in
    the environment, in a file, or those of the role."""

    def __init__(self, region: str, service: str = "dynamodb", credentials: Credentials | None = None) -> None:
        self._region = region
        self._service = service
        self._source = credentials
        self._frozen: ReadOnlyCredentials | None = None
        self._ends_s = 0.0

    async def headers(self, url: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a POST with those that sign it. Raises SoukError `unavailable` without credentials."""
        if self._frozen is None or time.monotonic() >= self._ends_s:
            # Finding or renewing them may ask another server, and botocore waits for it.
            self._frozen = await asyncio.to_thread(self._find)
            self._ends_s = time.monotonic() + CREDENTIALS_KEPT_S
        request = AWSRequest(method="POST", url=url, data=body, headers=headers)
        SigV4Auth(self._frozen, self._service, self._region).add_auth(request)
        return dict(request.headers.items())

    def _find(self) -> ReadOnlyCredentials:
        if self._source is None:
            self._source = Session().get_credentials()
        if self._source is None:
            raise unavailable("no_aws_credentials", "No credentials for AWS were found.")
        return self._source.get_frozen_credentials()
