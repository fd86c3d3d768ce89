"""What a link in a mail carries: 256 random bits, good once and not for long, kept as their hash.

It stands behind the `#` of the link, which no browser sends to a server: it is in no log and no Referer.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from signalcraft.accounts import people_queries as queries
from signalcraft.accounts.errors import LinkOverError
from signalcraft.accounts.models import OneTimeToken
from signalcraft.settings import get_settings

Purpose = Literal["register", "reset_password", "change_email"]

LIFETIMES: Mapping[Purpose, timedelta] = {
    "register": timedelta(hours=24),  # people register in the evening and read mail in the morning
    "reset_password": timedelta(minutes=30),
    "change_email": timedelta(minutes=60),
}


def issue(
    session: Session,
    purpose: Purpose,
    *,
    email: str,
    user_id: int | None,
    body: Mapping[str, Any] | None = None,
    now: datetime,
) -> str:
    """A new token; whoever shows it within its lifetime reads the mail of `email`."""
    token = new_token()
    session.add(
        OneTimeToken(
            token_hash=token_hash(token),
            purpose=purpose,
            email=email,
            user_id=user_id,
            body=dict(body) if body is not None else None,
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
    )
    return token


def take(session: Session, token: str, purposes: frozenset[Purpose], *, now: datetime) -> OneTimeToken:
    """Use a token up; what it was for is undone with the transaction, and then it is good again.

    Raises
    ------
    LinkOverError
        It never was, is for something else, was used, or is over: not told apart.
    """
    found = queries.lock_token(session, token_hash(token))
    if found is None or found.purpose not in purposes or found.used_at is not None or found.expires_at <= now:
        raise LinkOverError
    found.used_at = now
    return found


def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token; it holds 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def page(name: str) -> str:
    """The address of a page of ours."""
    return f"{get_settings().public_origin}/{name}"


def link(name: str, token: str) -> str:
    """The address of a page of ours that reads the token itself."""
    return f"{page(name)}#{token}"
