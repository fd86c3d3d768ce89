"""Sessions: opened by a sign-in, kept by refresh tokens that change at each use, ended at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from signalcraft.accounts import session_queries as queries
from signalcraft.accounts import tokens
from signalcraft.accounts.access_changes import announce_change
from signalcraft.accounts.errors import SessionEndedError
from signalcraft.accounts.models import AccountSession, RefreshToken, User
from signalcraft.accounts.one_time_tokens import page
from signalcraft.accounts.places import USER_AGENT_LIMIT, Place, device_name
from signalcraft.audit.service import record
from signalcraft.clock import utc_now
from signalcraft.errors import NotFoundError
from signalcraft.logging import get_logger
from signalcraft.mail.service import send
from signalcraft.realtime.publish import emit
from signalcraft.settings import get_settings

log = get_logger(__name__)

REUSE_GRACE = timedelta(seconds=10)
"""A client whose answer was lost retries at once; a thief who comes later is caught."""


@dataclass(frozen=True)
class SignedIn:
    """What a client holds of its session."""

    user: User
    session_id: UUID
    second_factor: bool
    access_token: str
    refresh_token: str


def open_session(
    session: Session, user: User, place: Place, *, now: datetime, second_factor: bool = False
) -> SignedIn:
    """A new session of a person who has just proved who they are."""
    opened = AccountSession(
        id=uuid4(),
        user_id=user.id,
        created_at=now,
        last_used_at=now,
        second_factor_at=now if second_factor else None,
    )
    _note_place(opened, place)
    session.add(opened)
    token = tokens.new_refresh_token()
    _add_link(session, opened, token, now)
    if not user.probe:  # each minute, for ever, in a log that forgets nothing
        record(
            session,
            "session.opened",
            user_id=user.id,
            subject=f"session:{opened.id}",
            detail={"device": device_name(place.user_agent), "second_factor": second_factor},
        )
    return _signed_in(user, opened, token, now)


def refresh(session: Session, refresh_token: str, place: Place, *, now: datetime) -> SignedIn | None:
    """The next pair of tokens, or None where the session is over.

    None is not an exception because what a replay causes must be committed.
    """
    link = queries.link_of(session, tokens.refresh_token_hash(refresh_token))
    if link is None:
        return None
    opened = queries.lock_session(session, link, now)
    session.refresh(link)  # as it is now that it is our turn
    if link.revoked_at is not None or opened.ended_at is not None or link.expires_at <= now:
        return None
    if now - opened.created_at > timedelta(days=get_settings().session_days):
        return None
    following = tokens.successor(refresh_token)
    if link.used_at is None:
        link.used_at = now
        _add_link(session, opened, following, now)
    elif now - link.used_at > REUSE_GRACE or _is_used(session, following):
        _end_stolen(session, opened, place, now)
        return None
    user = session.get(User, link.user_id)
    if user is None or user.status != "active":
        return None
    opened.last_used_at = now
    _note_place(opened, place)
    return _signed_in(user, opened, following, now)


def sign_out(session: Session, *, refresh_token: str | None, access_token: str | None, now: datetime) -> None:
    """End the session that the refresh token belongs to, else the access token; unknown ones are no error."""
    link = queries.link_of(session, tokens.refresh_token_hash(refresh_token)) if refresh_token else None
    if link is not None:
        queries.lock_session(session, link, now)
        claims = tokens.AccessClaims(link.user_id, link.family)
    else:
        try:
            claims = tokens.read_access_token(access_token or "", now)
        except SessionEndedError:
            return
    if queries.end_sessions(session, AccountSession.id == claims.family, now=now, reason="signed_out"):
        if not session.get_one(User, claims.user_id).probe:
            record(session, "session.ended", user_id=claims.user_id, subject=f"session:{claims.family}")
        announce_change(session, claims.user_id)


def list_sessions(session: Session, user_id: int) -> Sequence[AccountSession]:
    """A person's live sessions, the one used last first."""
    return queries.live_sessions(session, user_id)


def end_session(session: Session, session_id: UUID, *, user_id: int, by: int | None, now: datetime) -> None:
    """End one session of a person.

    Parameters
    ----------
    by : who ends it, for the record: the person themselves, an administrator.

    Raises
    ------
    NotFoundError
        The person has no such live session.
    """
    mine = (AccountSession.id == session_id, AccountSession.user_id == user_id)
    if not queries.end_sessions(session, *mine, now=now, reason="ended"):
        raise NotFoundError("There is no such session. 그런 세션이 없습니다.")
    record(session, "session.ended", user_id=by, subject=f"session:{session_id}")
    announce_change(session, user_id)


def end_all_sessions(
    session: Session,
    user_id: int,
    *,
    by: int | None,
    reason: str,
    now: datetime,
    keep: UUID | None = None,
) -> int:
    """End every live session of a person but the one to `keep`; how many that were.

    Whoever changes a password, a role or an account's state writes that first: a sign-in that is under way
    then either sees the change and fails, or is found and ended here.
    """
    session.flush()
    which = [AccountSession.user_id == user_id]
    if keep is not None:
        which.append(AccountSession.id != keep)
    ended = queries.end_sessions(session, *which, now=now, reason=reason)
    if ended:
        detail = {"reason": reason, "sessions": len(ended)}
        record(session, "session.all_ended", user_id=by, subject=f"user:{user_id}", detail=detail)
        announce_change(session, user_id)
    return len(ended)


def sweep(session: Session, *, limit: int = 5_000) -> int:
    """Forget links and sessions that nobody can use any more; how many."""
    now = utc_now()
    unused_since = now - timedelta(days=get_settings().refresh_token_days + 1)
    links = queries.delete_expired_links(session, now=now, limit=limit)
    return links + queries.delete_outlived(session, before=unused_since, limit=limit)


def _end_stolen(session: Session, opened: AccountSession, place: Place, now: datetime) -> None:
    """Somebody holds a copy of a token: nobody can tell who, so the session ends and its person is told."""
    queries.end_sessions(session, AccountSession.id == opened.id, now=now, reason="replayed")
    log.warning("refresh_token_replayed", user_id=opened.user_id, session_id=str(opened.id))
    seen = {"device": device_name(place.user_agent), "address": place.address}
    record(
        session,
        "session.replayed",
        user_id=None,
        subject=f"session:{opened.id}",
        detail={"user_id": opened.user_id, **seen},
    )
    emit(
        session,
        "session.ended",
        {
            "session_id": str(opened.id),
            "reason": "replayed",
            "opened_on": device_name(opened.user_agent),
            **seen,
        },
        shop_id=None,
        user_id=opened.user_id,
    )
    announce_change(session, opened.user_id)
    user = session.get_one(User, opened.user_id)
    if user.email is not None:
        values = {"name": user.full_name, "link": page("sign-in")}
        send(session, to=user.email, template="refresh_token_stolen", language=user.language, values=values)


def _signed_in(user: User, opened: AccountSession, refresh_token: str, now: datetime) -> SignedIn:
    access_token = tokens.issue_access_token(tokens.AccessClaims(user.id, opened.id), now)
    return SignedIn(user, opened.id, opened.second_factor_at is not None, access_token, refresh_token)


def _note_place(opened: AccountSession, place: Place) -> None:
    opened.address, opened.user_agent = place.address, place.user_agent[:USER_AGENT_LIMIT]


def _add_link(session: Session, opened: AccountSession, token: str, now: datetime) -> None:
    session.add(
        RefreshToken(
            token_hash=tokens.refresh_token_hash(token),
            family=opened.id,
            user_id=opened.user_id,
            created_at=now,
            expires_at=now + timedelta(days=get_settings().refresh_token_days),
        )
    )


def _is_used(session: Session, token: str) -> bool:
    link = queries.link_of(session, tokens.refresh_token_hash(token))
    return link is not None and link.used_at is not None
