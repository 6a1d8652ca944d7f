"""AWS Signature Version 4, as AWS publishes it: IAM User Guide, "AWS Signature Version 4 for API requests", chapter
"Create a signed AWS API request". S3's exceptions from it are left out."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from posixpath import normpath
from urllib.parse import quote, urlsplit

from souk_chassis.aws.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"
_CHANGED_ON_THE_WAY = frozenset({"connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
_PORTS = {"http": 80, "https": 443}


def signed_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """The headers of a request with those that sign it, `Host` among them. `url` is quoted as it will be sent; `now`,
    in UTC, may be 5 minutes off."""
    parts = urlsplit(url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    signed = {**headers, "Host": _host(parts.scheme, parts.netloc), "X-Amz-Date": moment}
    if credentials.token:
        signed["X-Amz-Security-Token"] = credentials.token
    canonical = {name.lower(): " ".join(value.split()) for name, value in signed.items()}
    names = sorted(canonical.keys() - _CHANGED_ON_THE_WAY)
    lines = [
        method,
        _path(parts.path),
        "&".join(sorted(parts.query.split("&"), key=lambda pair: pair.partition("=")[::2])),
        *(f"{name}:{canonical[name]}" for name in names),
        "",
        ";".join(names),
        hashlib.sha256(body).hexdigest(),
    ]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = _key(credentials.secret_key, moment[:8], region, service)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


@lru_cache(maxsize=16)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return key


def _host(scheme: str, netloc: str) -> str:
    return netloc.rpartition("@")[2].lower().removesuffix(f":{_PORTS[scheme]}")


def _path(path: str) -> str:
    """The path as it is signed: without empty and dotted parts, and quoted once more than it is sent."""
    if not path.strip("/"):
        return "/"
    plain = "/" + normpath(path).lstrip("/")
    return quote(plain + "/" if path.endswith("/") and plain != "/" else plain, safe="/-_.~")
