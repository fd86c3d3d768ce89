"""All SQL of outgoing mail."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from signalcraft.mail.models import OutgoingMail


def claim(session: Session, mail_id: int, now: datetime) -> OutgoingMail | None:
    """The mail, locked, if it waits to be tried and no other worker has it."""
    return session.scalar(
        select(OutgoingMail)
        .where(OutgoingMail.id == mail_id, OutgoingMail.state == "waiting", OutgoingMail.claimable_at <= now)
        .with_for_update(skip_locked=True)
    )


def waiting(session: Session, now: datetime, limit: int) -> Sequence[int]:
    """Mails that may be tried, oldest first."""
    return session.scalars(
        select(OutgoingMail.id)
        .where(OutgoingMail.state == "waiting", OutgoingMail.claimable_at <= now)
        .order_by(OutgoingMail.claimable_at)
        .limit(limit)
    ).all()


def drop_finished_before(session: Session, moment: datetime) -> None:
    session.execute(delete(OutgoingMail).where(OutgoingMail.finished_at < moment))
