"""All SQL of second factors."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from signalcraft.accounts.models import AccountSession, RecoveryCode, SecondFactor


def is_confirmed(session: Session, user_id: int) -> bool:
    confirmed = select(SecondFactor.user_id).where(
        SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None)
    )
    return session.scalar(confirmed) is not None


def lock_factor(session: Session, user_id: int) -> SecondFactor | None:
    """The person's second factor, locked: of two requests with one code the later one comes too late."""
    return session.scalar(
        select(SecondFactor)
        .where(SecondFactor.user_id == user_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def delete_factor(session: Session, user_id: int) -> bool:
    """Delete the second factor with its recovery codes; whether there was one that counted."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    confirmed_at = session.execute(
        delete(SecondFactor).where(SecondFactor.user_id == user_id).returning(SecondFactor.confirmed_at)
    ).scalar_one_or_none()
    return confirmed_at is not None


def note_second_factor(session: Session, session_id: UUID, now: datetime) -> None:
    """The session's person has just shown their second factor."""
    session.execute(
        update(AccountSession).where(AccountSession.id == session_id).values(second_factor_at=now)
    )


def replace_recovery_codes(session: Session, user_id: int, codes: Sequence[RecoveryCode]) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(codes)


def use_recovery_code(session: Session, user_id: int, code_hash: bytes, now: datetime) -> bool:
    """Use up a recovery code; False where it is none, or was used before."""
    used: Any = session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == code_hash,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.user_id)
    )
    return used is not None


def recovery_codes_left(session: Session, user_id: int) -> int:
    unused = select(RecoveryCode.code_hash).where(
        RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    )
    return len(session.scalars(unused).all())
