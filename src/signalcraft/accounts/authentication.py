"""Who sends a request: the same answer at both doors, from the database as it is at that moment."""

from datetime import datetime

from sqlalchemy import Connection

from signalcraft.accounts import session_queries, tokens
from signalcraft.accounts.access import Principal
from signalcraft.accounts.api_tokens import PREFIX, authenticate_api_token
from signalcraft.accounts.errors import SessionEndedError
from signalcraft.clock import utc_now


def authenticate(connection: Connection, credential: str) -> Principal:
    """The caller, with the rights of this moment.

    A sign-out, a new password, a changed role or a suspension counts at the very next request: the token says
    who it is, the database what they may do.

    Parameters
    ----------
    credential : an access token, or an API token of a program (`sct_…`).

    Raises
    ------
    UnauthenticatedError
        The token is not valid, its session is over, or the account is not active.
    """
    if credential.startswith(PREFIX):
        return authenticate_api_token(connection, credential, utc_now())
    return _authenticate_access_token(connection, credential, utc_now())


def _authenticate_access_token(connection: Connection, token: str, now: datetime) -> Principal:
    claims = tokens.read_access_token(token, now)
    live = session_queries.live_session(connection, session_id=claims.family, user_id=claims.user_id, now=now)
    if live is None:
        raise SessionEndedError
    if not live.is_use_noted(now):
        session_queries.note_use(connection, claims.family, now)
    second_factor = live.second_factor_at is not None
    is_missing = live.administrators_need_factor and not second_factor
    return Principal(
        user_id=claims.user_id,
        username=live.username,
        # Without the second factor that an administrator must have they are nobody special.
        role="user" if is_missing else live.role,
        shop_roles=live.shop_roles,
        session_id=claims.family,
        second_factor=second_factor,
    )
