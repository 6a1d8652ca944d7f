"""Credentials for AWS: from the environment, as Lambda sets them; from the endpoint of ECS, EKS and of functions with
SnapStart; and on a laptop, where botocore is installed, from wherever it finds them (files, SSO).

botocore is imported where nothing else is found and no sooner: `import botocore.session` took 350 to 410 ms on a
machine of 2 cores where `import asyncio` took 38, `http.client` 11 more and `hmac` less than 2. That is why requests
are not signed by it (`souk_chassis.aws.signing`). `pip install souk-chassis[aws]` brings it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from souk_chassis.errors import SoukError, unavailable

RENEWED_BEFORE_S = 600.0
"""Credentials that end are renewed this long before, as AWS's own SDKs do it."""
RENEWAL_PAUSE_S = 5.0
"""How long credentials that are still good are used on where renewing them failed, before it is tried again."""
CREDENTIALS_KEPT_S = 60.0
"""How long botocore's credentials are used before it is asked for them again: it renews them by itself."""


class Credentials(msgspec.Struct, frozen=True):
    """What requests are signed with. `token` is that of a session, `ends_s` a time as of `time.time`, if it ends."""

    access_key: str
    secret_key: str
    token: str = ""
    ends_s: float | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r})"  # logs show it: no secrets


class CredentialSource(Protocol):
    """Where the client finds credentials."""

    async def current(self) -> Credentials:
        """Credentials that are good now. Raises SoukError `unavailable` where there are none."""


class FixedCredentials:
    """Credentials that were given. For emulators and tests."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def current(self) -> Credentials:
        """See `CredentialSource`."""
        return self._credentials


class FoundCredentials:
    """Credentials that are found as AWS's own tools find them, at first use, and renewed before they end.

    `environment` is read when they are asked for, since a function that was restored from a snapshot has another.
    """

    def __init__(self, environment: Mapping[str, str], *, now_s: Callable[[], float] = time.time) -> None:
        self._environment = environment
        self._now_s = now_s
        self._found: Credentials | None = None
        self._good_until_s = 0.0
        self._renewing = threading.Lock()
        self._botocore: _Botocore | None = None

    async def current(self) -> Credentials:
        """See `CredentialSource`."""
        if self._found is not None and self._now_s() < self._good_until_s:
            return self._found
        key, secret = self._environment.get("AWS_ACCESS_KEY_ID"), self._environment.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            return Credentials(key, secret, self._environment.get("AWS_SESSION_TOKEN", ""))
        # Asks another server, or reads files: not in the loop.
        return await asyncio.to_thread(self._renewed)

    def _renewed(self) -> Credentials:
        """The credentials, asked for once however many wait for them."""
        with self._renewing:
            now_s = self._now_s()
            if self._found is not None and now_s < self._good_until_s:
                return self._found
            try:
                found, kept_s = self._find()
            except SoukError:
                if self._found is None or now_s >= (self._found.ends_s or 0.0):
                    raise
                found, kept_s = self._found, RENEWAL_PAUSE_S
            else:
                if kept_s is None:
                    # Never for less than a moment: an endpoint may hand out what has little time left.
                    kept_s = max(RENEWAL_PAUSE_S, (found.ends_s or now_s) - RENEWED_BEFORE_S - now_s)
            self._found, self._good_until_s = found, now_s + kept_s
            return found

    def _find(self) -> tuple[Credentials, float | None]:
        from souk_chassis.aws.credential_endpoint import ask_endpoint, endpoint_of

        endpoint = endpoint_of(self._environment)
        if endpoint is not None:
            return ask_endpoint(endpoint, self._environment), None
        if self._botocore is None:
            self._botocore = _Botocore()
        return self._botocore.credentials(), CREDENTIALS_KEPT_S


class _Botocore:
    """botocore's own search."""

    def __init__(self) -> None:
        try:
            from botocore.session import Session
        except ImportError as error:
            raise no_credentials() from error
        self._source = Session().get_credentials()
        if self._source is None:
            raise no_credentials()

    def credentials(self) -> Credentials:
        """What it has now. Its failures (a session that is over, a file that can't be read) are ours."""
        from botocore.exceptions import BotoCoreError

        try:
            frozen = self._source.get_frozen_credentials()
        except BotoCoreError as error:
            raise no_credentials() from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def no_credentials() -> SoukError:
    """Nobody said who this program is to AWS. Nothing happened."""
    return unavailable("no_aws_credentials", "No credentials for AWS were found.")
