"""How often the system answered its probes, and when it did not: few rows, kept for long."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, CheckConstraint, Identity, Index, Text, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from signalcraft.db.base import Base


class ProbeHour(Base):
    """The rounds of probes that began within one hour: those in which some journey had failed, and all."""

    __tablename__ = "probe_hours"
    __table_args__ = (CheckConstraint("failed BETWEEN 0 AND tried", name="failed"),)

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    tried: Mapped[int]
    failed: Mapped[int]


class JourneyHour(Base):
    """What came of one journey within one hour."""

    __tablename__ = "journey_hours"
    __table_args__ = (CheckConstraint("failed BETWEEN 0 AND tried", name="failed"),)

    journey: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    tried: Mapped[int]
    failed: Mapped[int]
    seconds: Mapped[float]
    """What all of them took together."""


class Incident(Base):
    """A time in which the system failed, by the rule of `monitor/incidents.py`; at most one is open."""

    __tablename__ = "incidents"
    __table_args__ = (
        CheckConstraint("ended_at >= began_at", name="order"),
        Index(
            "uq_incidents_open",
            text("(ended_at IS NULL)"),
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_incidents_began_at", "began_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    cause: Mapped[str]
    """The journey that failed first, and what it met."""
    journeys: Mapped[list[str] | None] = mapped_column(ARRAY(Text()))
    """All that failed in it; empty of the incidents before journeys were told apart."""


def count_round(session: Session, at: datetime, *, failed: bool) -> None:
    """Add one round to its hour."""
    statement = insert(ProbeHour).values(hour=_hour(at), tried=1, failed=int(failed))
    added = {name: ProbeHour.__table__.c[name] + statement.excluded[name] for name in ("tried", "failed")}
    session.execute(statement.on_conflict_do_update(index_elements=["hour"], set_=added))


def count_journey(session: Session, journey: str, at: datetime, *, failed: bool, seconds: float) -> None:
    """Add one attempt at a journey to its hour."""
    statement = insert(JourneyHour).values(
        journey=journey, hour=_hour(at), tried=1, failed=int(failed), seconds=seconds
    )
    columns = JourneyHour.__table__.c
    added = {name: columns[name] + statement.excluded[name] for name in ("tried", "failed", "seconds")}
    session.execute(statement.on_conflict_do_update(index_elements=["journey", "hour"], set_=added))


def open_incident(session: Session) -> Incident | None:
    """The one that lasts."""
    return session.scalar(select(Incident).where(Incident.ended_at.is_(None)))


def rounds(session: Session, *, since: datetime) -> tuple[datetime | None, int, int]:
    """The first hour from `since` on that has rounds, how many there were in all, and how many failed."""
    statement = select(func.min(ProbeHour.hour), func.sum(ProbeHour.tried), func.sum(ProbeHour.failed))
    first, tried, failed = session.execute(statement.where(ProbeHour.hour >= since)).one()
    return first, int(tried or 0), int(failed or 0)


class JourneySum(NamedTuple):
    """Of all attempts at one journey."""

    journey: str
    tried: int
    failed: int
    seconds: float


def journeys(session: Session, *, since: datetime) -> list[JourneySum]:
    """What came of each journey from the hour `since` on."""
    statement = (
        select(
            JourneyHour.journey,
            func.sum(JourneyHour.tried),
            func.sum(JourneyHour.failed),
            func.sum(JourneyHour.seconds),
        )
        .where(JourneyHour.hour >= since)
        .group_by(JourneyHour.journey)
        .order_by(JourneyHour.journey)
    )
    rows = session.execute(statement)
    return [JourneySum(name, int(tried), int(failed), seconds) for name, tried, failed, seconds in rows]


def incidents(session: Session, *, since: datetime, limit: int) -> Sequence[Incident]:
    """Those that lasted beyond `since`, newest first."""
    lasting = Incident.ended_at.is_(None) | (Incident.ended_at >= since)
    return session.scalars(
        select(Incident).where(lasting).order_by(Incident.began_at.desc()).limit(limit)
    ).all()


def forget(session: Session, before: datetime) -> None:
    """Drop what is older."""
    session.execute(delete(ProbeHour).where(ProbeHour.hour < before))
    session.execute(delete(JourneyHour).where(JourneyHour.hour < before))
    session.execute(delete(Incident).where(Incident.ended_at < before))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
