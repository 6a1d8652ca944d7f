"""Signing keys: kept private, read again, and published as a JWKS."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import OKPAlgorithm

from souk_chassis.auth.keys import PublicKeys, SigningKey, jwks, load_key, load_or_create_keys, new_key


def public_bytes(key: SigningKey) -> bytes:
    return key.private.public_key().public_bytes_raw()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_keys_are_made_once_and_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    made = load_or_create_keys(folder, ["users", "orders"])
    read = load_or_create_keys(folder, ["users", "orders", "payments"])
    assert {issuer: public_bytes(made[issuer]) for issuer in made} == {
        issuer: public_bytes(read[issuer]) for issuer in made
    }
    assert len({public_bytes(key) for key in read.values()}) == 3
    assert [key.issuer for key in read.values()] == ["users", "orders", "payments"]


def test_keys_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    load_or_create_keys(folder, ["users"])
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"users.pem": 0o600, "jwks.json": 0o600}


def test_the_jwks_beside_them_holds_the_public_halves_alone(tmp_path: Path) -> None:
    made = load_or_create_keys(tmp_path, ["users", "orders"])
    published = json.loads((tmp_path / "jwks.json").read_text())
    assert published == jwks(made.values())
    assert {frozenset(key) for key in published["keys"]} == {frozenset({"kty", "crv", "x", "kid", "use", "alg"})}
    keys = PublicKeys.from_jwks(published)
    assert {issuer: key.public_bytes_raw() for issuer, key in keys.by_issuer.items()} == {
        issuer: public_bytes(key) for issuer, key in made.items()
    }


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.pem"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(ValueError, match="no Ed25519 private key"):
        load_key(path)


def test_a_jwks_with_a_private_key_is_refused() -> None:
    key = new_key("users")
    private = OKPAlgorithm.to_jwk(key.private, as_dict=True) | {"kid": "users"}
    with pytest.raises(ValueError, match="no Ed25519 public key"):
        PublicKeys.from_jwks({"keys": [private]})
