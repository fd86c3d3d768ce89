"""Tokens: short signed access tokens, and refresh tokens that change at each use.

Access tokens are JWTs signed with Ed25519 (RFC 8037). Refresh tokens are random; the next one of a chain is
derived from the present one, so that a client whose answer was lost gets the same successor again.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from signalcraft.accounts.errors import SessionEndedError
from signalcraft.settings import get_settings

ACCESS_COOKIE = "sc_access"
REFRESH_COOKIE = "sc_refresh"
REFRESH_PATH = "/api/auth"
"""The refresh cookie goes to the sign-in routes only, not along with every request."""

_ALGORITHM = "EdDSA"
_ISSUER = "signalcraft"
_AUDIENCE = "signalcraft-api"
_LEEWAY = timedelta(seconds=5)
"""Clocks of two hosts behind one proxy may differ by this much."""


@dataclass(frozen=True)
class AccessClaims:
    user_id: int
    family: UUID


@dataclass(frozen=True)
class _Keys:
    private: Ed25519PrivateKey
    key_id: str
    chain: bytes
    """Key of the derivation of refresh tokens."""


@lru_cache(maxsize=1)
def _keys() -> _Keys:
    pem = base64.b64decode(get_settings().token_signing_key.get_secret_value())
    private = load_pem_private_key(pem, password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("SIGNALCRAFT_TOKEN_SIGNING_KEY must hold an Ed25519 private key")
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:9]).decode()
    return _Keys(private, key_id, hmac.digest(private.private_bytes_raw(), b"refresh token chain", "sha256"))


def issue_access_token(claims: AccessClaims, now: datetime) -> str:
    """A signed token that is good for `access_token_seconds`."""
    keys = _keys()
    lifetime = timedelta(seconds=get_settings().access_token_seconds)
    return jwt.encode(
        {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(claims.user_id),
            "sid": claims.family.hex,
            "iat": now,
            "exp": now + lifetime,
        },
        keys.private,
        algorithm=_ALGORITHM,
        headers={"kid": keys.key_id},
    )


def read_access_token(token: str) -> AccessClaims:
    """The claims of a valid token.

    Raises
    ------
    SessionEndedError
        Forged, expired, for another audience, or not a token at all.
    """
    try:
        claims = jwt.decode(
            token,
            _keys().private.public_key(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            leeway=_LEEWAY,
            options={"require": ["exp", "iat", "sub", "sid"]},
        )
        return AccessClaims(user_id=int(claims["sub"]), family=UUID(hex=claims["sid"]))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise SessionEndedError from error


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def successor(refresh_token: str) -> str:
    """The next token of the chain: the same for every retry, underivable without our key."""
    digest = hmac.digest(_keys().chain, refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def refresh_token_hash(refresh_token: str) -> bytes:
    """What is stored of a refresh token; it holds 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(refresh_token.encode()).digest()
