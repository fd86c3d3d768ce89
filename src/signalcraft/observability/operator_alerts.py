"""What the operator was told, and what still lasts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index, delete, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from signalcraft.db.base import Base


class OperatorAlert(Base):
    """One condition of the monitor's catalogue, from when it was told to when it ended."""

    __tablename__ = "operator_alerts"
    __table_args__ = (
        CheckConstraint("ended_at >= began_at", name="order"),
        Index(
            "uq_operator_alerts_open",
            "name",
            "subject",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_operator_alerts_began_at", "began_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    """Its name in `alert_catalogue`."""
    subject: Mapped[str]
    """What it is about where there are several, such as the process; else empty."""
    detail: Mapped[str]
    """What was seen: a number, an answer."""
    began_at: Mapped[datetime]
    told_at: Mapped[datetime]
    """When the operator was last told of it."""
    ended_at: Mapped[datetime | None]


def lasting(session: Session) -> Sequence[OperatorAlert]:
    """Those that have not ended, oldest first."""
    statement = select(OperatorAlert).where(OperatorAlert.ended_at.is_(None))
    return session.scalars(statement.order_by(OperatorAlert.began_at, OperatorAlert.id)).all()


def ended(session: Session, *, limit: int) -> Sequence[OperatorAlert]:
    """Those that have, newest first."""
    statement = select(OperatorAlert).where(OperatorAlert.ended_at.is_not(None))
    return session.scalars(statement.order_by(OperatorAlert.ended_at.desc()).limit(limit)).all()


def forget(session: Session, before: datetime) -> None:
    """Drop those that ended earlier."""
    session.execute(delete(OperatorAlert).where(OperatorAlert.ended_at < before))
