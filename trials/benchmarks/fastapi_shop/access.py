"""Who is calling: a bearer token, verified with the key that the shop under trial signs with."""

import os
from pathlib import Path
from typing import Annotated

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = "operator"
AUDIENCE = "souk"


def _public_half(path: Path) -> Ed25519PublicKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.public_key()


_public_key = _public_half(Path(os.environ["SHOP_KEY"]))


async def customer_id(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """The customer whose token it is. Raises HTTPException 401."""
    try:
        claims = jwt.decode(
            credentials.credentials,
            _public_key,
            algorithms=["EdDSA"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "the token is not valid") from error
    return str(claims["sub"])


CustomerId = Annotated[str, Depends(customer_id)]
