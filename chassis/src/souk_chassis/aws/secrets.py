"""Secrets Manager: what a function must know and nobody else (its API reference, "GetSecretValue")."""

import base64

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.services import SECRETS_MANAGER


class Secrets:
    """The secrets of a region."""

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws

    async def value(self, name: str) -> bytes:
        """The current value of a secret, by name or ARN; a text as UTF-8. Nothing is kept: ask once.

        Raises SoukError `unavailable` or `timeout_unknown`, both of which a repeat may mend, and `RequestRefusedError`
        where there is none or it may not be read.
        """
        answer = await self._aws.json(SECRETS_MANAGER, "GetSecretValue", {"SecretId": name}, repeatable=True)
        text = answer.get("SecretString")
        return base64.b64decode(answer["SecretBinary"]) if text is None else str(text).encode()
