"""Tokens: what is accepted, and every way to forge one that is refused."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.auth import tokens as tokens_module
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.auth.keys import PublicKeys, new_key
from souk_chassis.auth.tokens import MAX_TOKEN_LENGTH, CallTokens, TokenVerifier, sign_public
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.testing.contexts import ADMIN, customer, guest

KEYS = {issuer: new_key(issuer) for issuer in ("users", "orders", "operator", "payments")}
PUBLIC_KEYS = PublicKeys({issuer: key.private.public_key() for issuer, key in KEYS.items()})


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(PUBLIC_KEYS)


def signed(identity: Identity, *, issuer: str = "users", lifetime_s: int = 60, age_s: float = 0.0, **extra: Any) -> str:
    issued_at = datetime.now(UTC) - timedelta(seconds=age_s)
    return sign_public(KEYS[issuer], identity, issued_at=issued_at, lifetime_s=lifetime_s, extra=extra)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": "users", "aud": "souk", "iat": now, "exp": now + 60, "role": "admin", "sub": "a"}
    return {name: value for name, value in (good | changed).items() if value is not None}


def made(payload: dict[str, Any], *, key: Any = KEYS["users"].private, kid: Any = "users", alg: str = "EdDSA") -> str:
    return jwt.encode(payload, key, algorithm=alg, headers={"kid": kid} if kid is not None else None)


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(header: dict[str, Any]) -> str:
    return ".".join((segment(json.dumps(header).encode()), segment(json.dumps(claims()).encode()), ""))


def signed_with_the_public_key() -> str:
    """HS256, with the published key for a secret: fools a verifier that lets the token choose the algorithm."""
    public = KEYS["users"].private.public_key()
    secret = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return made(claims(), key=secret, alg="HS256")


def tampered() -> str:
    head, _, signature = signed(customer("c1")).split(".")
    return ".".join((head, segment(json.dumps(claims()).encode()), signature))


def code_of(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(SoukError) as caught:
        verifier.verify(token)
    assert caught.value.kind is ErrorKind.UNAUTHENTICATED
    return caught.value.code


@pytest.mark.parametrize(
    ("issuer", "identity"),
    [("users", customer("c1")), ("users", ADMIN), ("operator", ADMIN), ("orders", guest("o1"))],
)
def test_a_token_says_who_calls(verifier: TokenVerifier, issuer: str, identity: Identity) -> None:
    token = signed(identity, issuer=issuer)
    assert [verifier.verify(token) for _ in range(2)] == [Caller(identity)] * 2


def test_the_same_facts_make_the_same_token() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    made = {sign_public(KEYS["orders"], guest("o1"), issued_at=at, lifetime_s=60) for _ in range(3)}
    assert len(made) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda: "",
        lambda: "abc",
        lambda: "a.b.c",
        lambda: "é.é.é",
        lambda: "x" * (MAX_TOKEN_LENGTH + 1),
        lambda: segment(b"[" * 2900) + ".e30.AAAA",
        lambda: segment(b"[]") + ".e30.AAAA",
        lambda: segment(b"\xff\xff") + ".e30.AAAA",
        tampered,
        signed_with_the_public_key,
        lambda: unsigned({"alg": "none", "kid": "users"}),
        lambda: unsigned({"alg": "None", "kid": "users"}),
        lambda: made(claims(), key=new_key("users").private),
        lambda: made(claims(), key=KEYS["orders"].private),
        lambda: made(claims(), kid="orders"),
        lambda: made(claims(), key=KEYS["orders"].private, kid="orders"),
        lambda: made(claims(), kid="nobody"),
        lambda: made(claims(), kid=None),
        lambda: made(claims(aud="payments")),
        lambda: made(claims(iss="operator")),
        lambda: made(claims(iat=int(time.time()) + 600)),
        lambda: made(claims(exp="soon")),
        lambda: made(claims(sub=17)),
        lambda: made(claims(role="emperor")),
        lambda: made(claims(role="anonymous")),
        lambda: made(claims(role="service")),
        lambda: made(claims(role="guest")),
        *(lambda name=name: made(claims(**{name: None})) for name in ("iss", "aud", "iat", "exp", "role")),
        lambda: signed(ADMIN, issuer="orders"),
        lambda: signed(customer("c1"), issuer="orders"),
        lambda: signed(guest("o1"), issuer="users"),
        lambda: signed(ADMIN, issuer="payments"),
    ],
)
def test_a_forged_token_is_refused(verifier: TokenVerifier, forge: Callable[[], str]) -> None:
    token = forge()
    assert [code_of(verifier, token) for _ in range(2)] == ["invalid_token"] * 2


@given(st.text(max_size=200) | st.binary(max_size=150).map(lambda content: segment(content) + ".e30.AAAA"))
def test_no_text_whatever_breaks_the_verifier(token: str) -> None:
    assert code_of(TokenVerifier(PUBLIC_KEYS), token) == "invalid_token"


def test_an_expired_token_is_refused_as_such(verifier: TokenVerifier) -> None:
    assert code_of(verifier, signed(customer("c1"), age_s=120)) == "expired_token"


def test_a_remembered_token_expires_too(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed(customer("c1"), lifetime_s=60)
    verifier.verify(token)
    later = datetime.now(UTC) + timedelta(seconds=70)
    monkeypatch.setattr(time, "time", later.timestamp)
    monkeypatch.setattr("jwt.api_jwt.datetime", _clock_at(later))
    assert code_of(verifier, token) == "expired_token"


def _clock_at(now: datetime) -> type[datetime]:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ARG003 - the library's signature
            return now

    return Stopped


def test_a_verifier_remembers_so_many_and_no_more(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "CACHED_TOKENS", 3)
    for number in range(5):
        verifier.verify(signed(customer(f"c{number}")))
    assert [caller.identity.user_id for _, caller in verifier._cache.values()] == ["c2", "c3", "c4"]


@pytest.mark.parametrize("identity", [ANONYMOUS, guest("o1"), customer("c1"), ADMIN])
def test_a_services_call_is_for_its_callee_alone(verifier: TokenVerifier, identity: Identity) -> None:
    token = CallTokens(KEYS["orders"]).token(identity, "payments")
    assert TokenVerifier(PUBLIC_KEYS, "payments").verify(token) == Caller(identity, "orders")
    assert code_of(TokenVerifier(PUBLIC_KEYS, "products"), token) == "invalid_token"
    assert code_of(verifier, token) == "invalid_token"


def test_a_public_token_is_none_for_a_service() -> None:
    assert code_of(TokenVerifier(PUBLIC_KEYS, "payments"), signed(ADMIN)) == "invalid_token"


def test_call_tokens_are_used_again_while_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, now = CallTokens(KEYS["orders"]), time.time()
    first = calls.token(ANONYMOUS, "payments")
    assert calls.token(ANONYMOUS, "payments") == first
    assert len({first, calls.token(ANONYMOUS, "products"), calls.token(ADMIN, "payments")}) == 3
    monkeypatch.setattr(time, "time", lambda: now + tokens_module.CALL_TOKEN_S / 2 + 1)
    assert calls.token(ANONYMOUS, "payments") != first


def test_roles_that_issuers_may_give() -> None:
    assert all(
        Role.SERVICE not in roles and Role.ANONYMOUS not in roles for roles in tokens_module.ISSUER_ROLES.values()
    )
