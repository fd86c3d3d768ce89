"""All SQL of linked identities."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ExternalIdentity


def of_user(session: Session, user_id: int, issuer: str) -> ExternalIdentity | None:
    return session.scalar(
        select(ExternalIdentity).where(ExternalIdentity.user_id == user_id, ExternalIdentity.issuer == issuer)
    )


def of_identity(session: Session, issuer: str, subject: str) -> ExternalIdentity | None:
    return session.get(ExternalIdentity, (issuer, subject))


def insert(session: Session, user_id: int, issuer: str, subject: str, now: datetime) -> bool:
    """Whether it was free, and the person had none at this provider."""
    statement = (
        insert_into(ExternalIdentity)
        .values(issuer=issuer, subject=subject, user_id=user_id, linked_at=now)
        .on_conflict_do_nothing()
        .returning(ExternalIdentity.user_id)
    )
    return session.scalar(statement) is not None


def delete_of_user(session: Session, user_id: int, issuer: str) -> bool:
    statement = (
        delete(ExternalIdentity)
        .where(ExternalIdentity.user_id == user_id, ExternalIdentity.issuer == issuer)
        .returning(ExternalIdentity.user_id)
    )
    return session.scalar(statement) is not None
