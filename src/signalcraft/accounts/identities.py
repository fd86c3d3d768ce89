"""Accounts elsewhere that people have linked to theirs, themselves, while they were signed in.

An unknown identity opens nothing and makes no account, whatever e-mail address comes along with it.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from signalcraft.accounts import identity_queries as queries
from signalcraft.accounts.errors import SessionEndedError
from signalcraft.accounts.models import ExternalIdentity
from signalcraft.accounts.openid import Attempt, Identity
from signalcraft.accounts.session_queries import live_session
from signalcraft.audit.service import record
from signalcraft.errors import ConflictError


def linked(session: Session, user_id: int, issuer: str) -> ExternalIdentity | None:
    """What this person has linked at that provider."""
    return queries.of_user(session, user_id, issuer)


def user_of(session: Session, identity: Identity, *, now: datetime) -> int | None:
    """Who has linked this identity; noted as used."""
    found = queries.of_identity(session, identity.issuer, identity.subject)
    if found is None:
        return None
    found.last_used_at = now
    return found.user_id


def link(session: Session, attempt: Attempt, identity: Identity, *, now: datetime) -> None:
    """Link the identity to the account whose session began the attempt.

    Raises
    ------
    SessionEndedError
        That session is over.
    ConflictError
        The identity belongs to another account, or this account has another one linked.
    """
    if attempt.user_id is None or attempt.linking_session is None:
        raise SessionEndedError
    live = live_session(
        session.connection(), session_id=attempt.linking_session, user_id=attempt.user_id, now=now
    )
    if live is None:
        raise SessionEndedError
    if not queries.insert(session, attempt.user_id, identity.issuer, identity.subject, now):
        raise ConflictError(
            "This Kakao account is linked already, or yours is linked to another one."
            " 이미 연결된 카카오 계정입니다."
        )
    record(session, "identity.linked", user_id=attempt.user_id, subject=f"user:{attempt.user_id}")


def unlink(session: Session, user_id: int, issuer: str) -> bool:
    """Forget what this person has linked at that provider; whether there was something."""
    found = queries.delete_of_user(session, user_id, issuer)
    if found:
        record(session, "identity.unlinked", user_id=user_id, subject=f"user:{user_id}")
    return found
