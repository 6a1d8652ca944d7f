"""Signing keys: an Ed25519 key pair an issuer, and the public halves as a JWKS (RFC 7517).

Each service signs with its own key and knows only the public keys of the others.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # it takes 50 ms to import: who never signs or verifies, such as most starts on Lambda, goes without
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SigningKey(msgspec.Struct, frozen=True, dict=True):
    """The private key of one issuer, as PEM (PKCS 8). The key id is the issuer's name."""

    issuer: str
    pem: bytes

    def __repr__(self) -> str:
        """Without the key itself: what is shown may be logged."""
        return f"SigningKey(issuer={self.issuer!r})"

    @cached_property
    def private(self) -> "Ed25519PrivateKey":
        """The key itself. Raises ValueError where the PEM holds no Ed25519 private key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        private = load_pem_private_key(self.pem, password=None)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"the key of {self.issuer} is no Ed25519 private key")
        return private

    def jwk(self) -> dict[str, Any]:
        """The public half as a JSON Web Key."""
        from jwt.algorithms import OKPAlgorithm

        key: dict[str, Any] = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**key, "kid": self.issuer, "use": "sig", "alg": "EdDSA"}


class PublicKeys(msgspec.Struct, frozen=True):
    """The public keys by issuer."""

    by_issuer: "Mapping[str, Ed25519PublicKey]"

    @classmethod
    def from_jwks(cls, jwks: Mapping[str, Any]) -> "PublicKeys":
        """Read a JWKS. Raises ValueError for a key that is no Ed25519 public key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from jwt.algorithms import OKPAlgorithm

        keys: dict[str, Ed25519PublicKey] = {}
        for jwk in jwks["keys"]:
            key = OKPAlgorithm.from_jwk(jwk)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError(f"the key {jwk.get('kid')!r} is no Ed25519 public key")
            keys[jwk["kid"]] = key
        return cls(keys)


def new_key(issuer: str) -> SigningKey:
    """A new key for `issuer`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningKey(issuer, pem)


def jwks(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """The JWKS of these keys' public halves."""
    return {"keys": [key.jwk() for key in keys]}


def load_key(path: "Path") -> SigningKey:
    """Read an issuer's key from a PEM file named after the issuer. Raises ValueError where it holds none."""
    key = SigningKey(path.stem, path.read_bytes())
    try:
        _ = key.private
    except ValueError as error:
        raise ValueError(f"{path} holds no Ed25519 private key") from error
    return key


def load_or_create_keys(folder: "Path", issuers: Iterable[str]) -> dict[str, SigningKey]:
    """The issuers' keys in `folder`, made where missing (files of mode 0600), and `jwks.json` beside them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys: dict[str, SigningKey] = {}
    for issuer in issuers:
        path = folder / f"{issuer}.pem"
        if not path.exists():
            _write_private(path, new_key(issuer).pem)
        keys[issuer] = load_key(path)
    _write_private(folder / "jwks.json", json.dumps(jwks(keys.values()), indent=1).encode())
    return keys


def _write_private(path: "Path", content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
