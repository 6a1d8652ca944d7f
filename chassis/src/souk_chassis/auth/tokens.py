"""Tokens: JWTs signed with EdDSA (RFC 7519, RFC 8037), and what each issuer may say in one.

Tokens from outside have the audience `souk`; a call from service to service carries one for that callee alone. An
Ed25519 signature depends on nothing but key and message, so a token made again from the same facts is the same token:
that is how a repeated guest order gets the first answer again.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey
from souk_chassis.errors import unauthenticated

PUBLIC_AUDIENCE = "souk"
CACHED_TOKENS = 10_000
"""Verified tokens that a verifier remembers, each until it expires: a verification costs 100 us, a look-up 1 us."""
MAX_TOKEN_LENGTH = 4096
CALL_TOKEN_S = 120
"""How long a token for a call between services is good, in seconds. Half of it is the longest that one is reused."""
_LEEWAY_S = 5

ISSUER_ROLES: Mapping[str, frozenset[Role]] = {
    "users": frozenset({Role.CUSTOMER, Role.ADMIN}),
    "orders": frozenset({Role.GUEST}),
    "operator": frozenset({Role.CUSTOMER, Role.ADMIN}),
}
"""What a public token of each issuer may claim to be: sessions, guest orders, `souk token`."""


def sign_public(
    key: SigningKey, identity: Identity, *, issued_at: datetime, lifetime_s: int, extra: Mapping[str, Any] | None = None
) -> str:
    """A token for use from outside."""
    import jwt  # here and below: it brings cryptography, which takes 50 ms to import

    issued = int(issued_at.timestamp())
    claims: dict[str, Any] = {"iss": key.issuer, "aud": PUBLIC_AUDIENCE, "iat": issued, "exp": issued + lifetime_s}
    claims |= _identity_claims(identity) | dict(extra or {})
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.issuer})


def _identity_claims(identity: Identity) -> dict[str, Any]:
    claims: dict[str, Any] = {"role": identity.role.value}
    if identity.user_id is not None:
        claims["sub"] = identity.user_id
    if identity.order_id is not None:
        claims["order"] = identity.order_id
    return claims


class CallTokens:
    """Signs the tokens that a service's own calls carry, and reuses them while they are fresh."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._cache: OrderedDict[tuple[Identity, str], tuple[float, str]] = OrderedDict()

    def token(self, identity: Identity, callee: str) -> str:
        """A token for `callee` on behalf of `identity`."""
        now = time.time()
        cached = self._cache.get((identity, callee))
        if cached is not None and cached[0] > now:
            return cached[1]
        import jwt

        claims = {"iss": self._key.issuer, "aud": callee, "iat": int(now), "exp": int(now) + CALL_TOKEN_S}
        token = jwt.encode(
            claims | _identity_claims(identity), self._key.private, algorithm="EdDSA", headers={"kid": self._key.issuer}
        )
        self._cache[identity, callee] = (now + CALL_TOKEN_S / 2, token)
        if len(self._cache) > CACHED_TOKENS:
            self._cache.popitem(last=False)
        return token


class TokenVerifier:
    """Verifies tokens for one audience. For a service's own name it takes the calls of services and the gateway."""

    def __init__(self, keys: PublicKeys, audience: str = PUBLIC_AUDIENCE) -> None:
        self._keys = keys
        self._audience = audience
        self._cache: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """Who is calling. Raises SoukError `unauthenticated` with the code `invalid_token` or `expired_token`."""
        cached = self._cache.get(token)
        if cached is not None and cached[0] > time.time():
            return cached[1]
        claims = self._claims(token)
        caller = self._caller(claims)
        self._cache[token] = (float(claims["exp"]), caller)
        if len(self._cache) > CACHED_TOKENS:
            self._cache.popitem(last=False)
        return caller

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_LENGTH:
            raise unauthenticated("invalid_token", "The token is too long.")
        import jwt

        try:
            issuer = jwt.get_unverified_header(token).get("kid")
            key = self._keys.by_issuer.get(issuer) if isinstance(issuer, str) else None
            if key is None:
                raise unauthenticated("invalid_token", "The token names no key of this shop.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=self._audience,
                issuer=issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "role"]},
            )
        except jwt.ExpiredSignatureError:
            raise unauthenticated("expired_token", "The token has expired: sign in again.") from None
        except (jwt.PyJWTError, ValueError):
            raise unauthenticated("invalid_token", "The token is not valid here.") from None
        return claims

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        try:
            role = Role(claims["role"])
        except ValueError:
            raise unauthenticated("invalid_token", "The token claims an unknown role.") from None
        identity = ANONYMOUS
        if role is not Role.ANONYMOUS:
            identity = Identity(role, claims.get("sub"), claims.get("order"))
        if self._audience != PUBLIC_AUDIENCE:
            return Caller(identity, service=claims["iss"])
        if role not in ISSUER_ROLES.get(claims["iss"], frozenset()):
            raise unauthenticated("invalid_token", "The token's issuer may not say this.")
        return Caller(identity)
