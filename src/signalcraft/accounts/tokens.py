"""Tokens: short signed access tokens, tickets between the two steps of a sign-in, and refresh tokens.

Access tokens and tickets are JWTs signed with Ed25519 (RFC 8037), told apart by their audience. Refresh
tokens are random and change at each use; the next one of a chain is derived from the present one, so that a
client whose answer was lost gets the same successor again.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt

from signalcraft.accounts.errors import SessionEndedError
from signalcraft.accounts.signing_keys import LEEWAY, key_ring, refresh_chain_key
from signalcraft.clock import utc_now
from signalcraft.settings import get_settings

TICKET_SECONDS = 300
"""How long somebody may look for their phone between password and second factor."""

_ALGORITHM = "EdDSA"
_ISSUER = "signalcraft"
_ACCESS = "signalcraft-api"
_TICKET = "signalcraft-second-factor"


@dataclass(frozen=True)
class AccessClaims:
    user_id: int
    family: UUID


@dataclass(frozen=True)
class Ticket:
    """A password was right at that moment. `password` is a fingerprint: a new password ends the ticket."""

    user_id: int
    password: str


@dataclass(frozen=True)
class _Verified:
    """What a token says whose signature was found right."""

    key_id: str
    audience: str
    expires_at: datetime
    claims: dict[str, Any]


def issue_access_token(claims: AccessClaims, now: datetime) -> str:
    """A signed token that is good for `access_token_seconds`."""
    lifetime = timedelta(seconds=get_settings().access_token_seconds)
    return _sign(_ACCESS, now, lifetime, sub=str(claims.user_id), sid=claims.family.hex)


def read_access_token(token: str, now: datetime) -> AccessClaims:
    """The claims of a valid token.

    Raises
    ------
    SessionEndedError
        Forged, expired, for another audience, or not a token at all.
    """
    claims = _read(token, _ACCESS, now)
    try:
        return AccessClaims(user_id=int(claims["sub"]), family=UUID(hex=claims["sid"]))
    except (KeyError, TypeError, ValueError) as error:
        raise SessionEndedError from error


def issue_ticket(ticket: Ticket, now: datetime) -> str:
    """A signed ticket that is good for `TICKET_SECONDS`."""
    return _sign(
        _TICKET, now, timedelta(seconds=TICKET_SECONDS), sub=str(ticket.user_id), pwd=ticket.password
    )


def read_ticket(token: str, now: datetime) -> Ticket:
    """The ticket, if it is one of ours.

    Raises
    ------
    SessionEndedError
        Forged, expired, or another kind of token.
    """
    claims = _read(token, _TICKET, now)
    return Ticket(user_id=int(claims["sub"]), password=str(claims["pwd"]))


def password_fingerprint(password_hash: str) -> str:
    """Changes with every new password, and says nothing about it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def successor(refresh_token: str) -> str:
    """The next token of the chain: the same for every retry, underivable without our key."""
    digest = hmac.digest(refresh_chain_key(), refresh_token.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def refresh_token_hash(refresh_token: str) -> bytes:
    """What is stored of a refresh token; it holds 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _sign(audience: str, now: datetime, lifetime: timedelta, **claims: str) -> str:
    key = key_ring().signing()
    return jwt.encode(
        {"iss": _ISSUER, "aud": audience, "iat": now, "exp": now + lifetime, **claims},
        key.private,
        algorithm=_ALGORITHM,
        headers={"kid": key.key_id},
    )


def _read(token: str, audience: str, now: datetime) -> dict[str, Any]:
    verified = _verified(token)
    if (
        verified.audience != audience
        or now >= verified.expires_at + LEEWAY
        or key_ring().verifying(verified.key_id, now) is None
    ):
        raise SessionEndedError
    return verified.claims


@lru_cache(maxsize=4096)
def _verified(token: str) -> _Verified:
    """Check the signature, which is the slow part, once for each token.

    What can change while the token lives (its age, its key) is checked by `_read` at every use. A failure is
    not remembered, so forged tokens push nobody's out.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = key_ring().verifying(key_id, utc_now()) if isinstance(key_id, str) else None
        if key is None:
            raise SessionEndedError
        claims = jwt.decode(
            token,
            key.public,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            audience=[_ACCESS, _TICKET],
            options={"require": ["exp", "iat", "sub"], "verify_exp": False},
        )
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        return _Verified(key.key_id, claims["aud"], expires_at, claims)
    except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError) as error:
        raise SessionEndedError from error
