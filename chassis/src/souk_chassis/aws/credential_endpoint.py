"""Credentials from the endpoint that ECS, EKS and functions with SnapStart have beside them (AWS SDKs and Tools
Reference Guide, "Container credential provider"). It is asked without the transport, which signs with its answer."""

import http.client
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from souk_chassis import wire
from souk_chassis.aws.credentials import Credentials, no_credentials

ENDPOINT_TIMEOUT_S = 2.0
"""One question to the endpoint, which is on this host."""
ENDPOINT_TRIES = 3
"""How often it is asked."""

_ECS = "http://169.254.170.2"
_HOSTS = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})


class _Answer(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str = ""
    expiration: str = ""


def endpoint_of(environment: Mapping[str, str]) -> str | None:
    """The endpoint's address, if there is one.

    Raises ValueError for one in plain HTTP that is not on this host: whoever can read it could be us.
    """
    relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if relative:
        return _ECS + relative
    full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not full:
        return None
    parts = urlsplit(full)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in _HOSTS and not _is_loopback(host):
        raise ValueError(f"AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this host: {host}")
    return full


def ask_endpoint(url: str, environment: Mapping[str, str]) -> Credentials:
    """The credentials that the endpoint gives now. Waits for it: not for the loop. Raises SoukError `unavailable`."""
    fault: Exception | None = None
    for _ in range(ENDPOINT_TRIES):
        try:
            answer = wire.decode(_get(url, _authorization(environment)), _Answer)
            ends = datetime.fromisoformat(answer.expiration).timestamp() if answer.expiration else None
        except (OSError, http.client.HTTPException, ValueError, *wire.UNREADABLE) as error:
            fault = error
        else:
            return Credentials(answer.access_key_id, answer.secret_access_key, answer.token, ends)
    raise no_credentials() from fault


def _get(url: str, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=ENDPOINT_TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", headers=headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise http.client.HTTPException(f"The credentials' endpoint answered {response.status}")
    return body


def _authorization(environment: Mapping[str, str]) -> dict[str, str]:
    """EKS writes the token anew while the pod runs: the file is read each time."""
    file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = Path(file).read_text("utf-8").strip() if file else environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    return {"Authorization": token} if token else {}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
