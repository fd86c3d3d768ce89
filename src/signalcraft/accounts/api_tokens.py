"""Tokens that people make for their programs: named, for some rights, some shops and some time.

A token is 256 random bits behind `sct_`, shown once and kept as its hash. It never grants more than its
person holds at the moment of the request, and makes no further tokens.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from signalcraft.accounts import api_token_queries as queries
from signalcraft.accounts.access import Principal
from signalcraft.accounts.errors import TokenRefusedError
from signalcraft.accounts.models import ApiToken
from signalcraft.accounts.roles import PERMISSIONS, Permission
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, InvalidInputError, NotFoundError

PREFIX = "sct_"
SHOWN_CHARACTERS = 8
"""Of the token, `sct_` included, so that people can tell two apart."""
TOKENS_LIMIT = 50
"""Good ones that one person may have: nobody can look after more."""


def make_token(
    session: Session,
    principal: Principal,
    *,
    name: str,
    permissions: Sequence[Permission],
    shop_ids: Sequence[int] | None,
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    """A token for a program of this person, and its secret, which is nowhere else.

    Parameters
    ----------
    shop_ids : the shops it is for; None is all that the person sees, those of later times as well.
    expires_at : None is until it is revoked.

    Raises
    ------
    InvalidInputError
        A right (`permissions`) or shop (`shop_ids`) that the person does not have, or a time that is over.
    ConflictError
        The person has fifty already.
    """
    now = utc_now()
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("This time is over.", field="expires_at")
    for permission in permissions:
        if not principal.holds(permission):
            raise InvalidInputError(f"You do not have the right {permission}.", field="permissions")
    for shop_id in shop_ids or ():
        if not principal.may_see(shop_id):
            raise InvalidInputError(f"There is no shop {shop_id}, or it is not yours.", field="shop_ids")
    if queries.count_good(session, principal.user_id, now) >= TOKENS_LIMIT:
        raise ConflictError(f"Revoke a token first: {TOKENS_LIMIT} is the most a person may have.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user_id=principal.user_id,
        name=name,
        token_hash=token_hash(secret),
        beginning=secret[:SHOWN_CHARACTERS],
        permissions=sorted(set(permissions)),
        shop_ids=None if shop_ids is None else sorted(set(shop_ids)),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    detail = {"name": name, "permissions": token.permissions, "shops": token.shop_ids}
    _record(session, "api_token.made", token, principal.user_id, detail)
    return token, secret


def list_tokens(session: Session, user_id: int) -> Sequence[ApiToken]:
    """A person's tokens, newest first, with those that are over or revoked."""
    return queries.tokens_of(session, user_id)


def revoke_token(session: Session, user_id: int, token_id: int, *, by: int | None) -> ApiToken:
    """Refuse a token of this person from the next request on; revoking it twice changes nothing.

    Parameters
    ----------
    by : who does it, for the record: the person themselves, an administrator.

    Raises
    ------
    NotFoundError
        The person has no such token.
    """
    token = session.get(ApiToken, token_id, with_for_update=True)
    if token is None or token.user_id != user_id:
        raise NotFoundError("There is no such token.", field="token_id")
    if token.revoked_at is None:
        token.revoked_at = utc_now()
        _record(session, "api_token.revoked", token, by, {"name": token.name})
    return token


def authenticate_api_token(connection: Connection, token: str, now: datetime) -> Principal:
    """Who a token speaks for and what it may do, by one statement, which also notes its use once a minute.

    Raises
    ------
    TokenRefusedError
        It never was, is over or revoked, or its person is not active.
    """
    found = queries.good_token(connection, token_hash(token), now)
    if found is None:
        raise TokenRefusedError
    return Principal(
        user_id=found.user_id,
        username=found.username,
        role=found.role,
        shop_roles={int(shop_id): role for shop_id, role in (found.shop_roles or {}).items()},
        token_id=found.id,
        # A right that a later release no longer knows is no right.
        scopes=frozenset(PERMISSIONS.intersection(found.permissions)),
        token_shops=None if found.shop_ids is None else frozenset(found.shop_ids),
    )


def token_hash(token: str) -> bytes:
    """What is stored of a token; it holds 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _record(
    session: Session, action: str, token: ApiToken, user_id: int | None, detail: Mapping[str, object]
) -> None:
    audit.record(session, action, user_id=user_id, subject=f"api_token:{token.id}", detail=detail)
