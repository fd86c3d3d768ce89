"""Tables of alarms and their transitions (ISA-18.2 words)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base

STATES = ("active_unacknowledged", "active_acknowledged", "cleared")
SEVERITIES = ("low", "medium", "high", "critical")


class Alarm(Base):
    """One condition of one machine, from the moment it is raised until it is cleared."""

    __tablename__ = "alarms"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint(f"severity IN {SEVERITIES}", name="severity"),
        # At most one open alarm per machine and condition: a repeat counts up instead of ringing again.
        Index(
            "uq_alarms_open",
            "machine_id",
            "condition",
            unique=True,
            postgresql_where=text("state <> 'cleared'"),
        ),
        Index("ix_alarms_machine_raised", "machine_id", "raised_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    condition: Mapped[str]
    severity: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="active_unacknowledged")
    raised_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cleared_at: Mapped[datetime | None]
    count: Mapped[int] = mapped_column(server_default=text("1"))
    analysis_id: Mapped[UUID | None] = mapped_column(ForeignKey("analyses.id"))
    """The newest evidence, of an alarm about sound."""
    reading: Mapped[dict[str, Any] | None]
    """The newest evidence, of an alarm about readings or their absence: `schemas.ReadingEvidence`."""
    summary: Mapped[dict[str, Any]]
    advice: Mapped[dict[str, Any]]


class AlarmTransition(Base):
    """What happened to an alarm, when, and by whom."""

    __tablename__ = "alarm_transitions"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str]
    severity: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    comment: Mapped[str | None]
    request_id: Mapped[str | None]
