"""What the monitor has seen: the newest look of each section whole, and its numbers over seven days."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Integer, delete, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from signalcraft.db.base import Base


class MonitorSection(Base):
    """The newest look at one section: processes, host, database …"""

    __tablename__ = "monitor_sections"

    name: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)


class MonitorSample(Base):
    """The numbers of one section at one time, or the mean over `span_s` seconds from then on."""

    __tablename__ = "monitor_samples"
    __table_args__ = (CheckConstraint("span_s >= 0", name="span_s"),)

    section: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    span_s: Mapped[int] = mapped_column(Integer)
    """0 for a sample as it was taken."""
    numbers: Mapped[dict[str, float]] = mapped_column(JSONB)


class MonitorRelease(Base):
    """A moment from which a release of a colour answered."""

    __tablename__ = "monitor_releases"

    seen_at: Mapped[datetime] = mapped_column(primary_key=True)
    colour: Mapped[str] = mapped_column(primary_key=True)
    release: Mapped[str]


def store(
    session: Session, name: str, taken_at: datetime, document: Mapping[str, Any], numbers: Mapping[str, float]
) -> None:
    """Keep a look: the document in place of the one before, the numbers beside those before."""
    values = {"name": name, "taken_at": taken_at, "document": dict(document)}
    statement = insert(MonitorSection).values(values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"taken_at": statement.excluded.taken_at, "document": statement.excluded.document},
        )
    )
    session.add(MonitorSample(section=name, taken_at=taken_at, span_s=0, numbers=dict(numbers)))


def sections(session: Session) -> Sequence[MonitorSection]:
    """The newest look at every section."""
    return session.scalars(select(MonitorSection).order_by(MonitorSection.name)).all()


def samples(session: Session, *, since: datetime) -> Sequence[MonitorSample]:
    """From `since` on, in the order of section and time."""
    statement = select(MonitorSample).where(MonitorSample.taken_at >= since)
    return session.scalars(statement.order_by(MonitorSample.section, MonitorSample.taken_at)).all()


def finer_than(session: Session, span_s: int, *, before: datetime) -> Sequence[MonitorSample]:
    """Older samples that stand for less than `span_s` seconds, in the order of time."""
    statement = select(MonitorSample).where(MonitorSample.span_s < span_s, MonitorSample.taken_at < before)
    return session.scalars(statement.order_by(MonitorSample.section, MonitorSample.taken_at)).all()


def replace_finer(session: Session, span_s: int, new: Sequence[MonitorSample], *, before: datetime) -> None:
    """Keep `new` instead of what `finer_than` gave."""
    session.expunge_all()
    session.execute(
        delete(MonitorSample).where(MonitorSample.span_s < span_s, MonitorSample.taken_at < before)
    )
    session.add_all(new)


def note_release(session: Session, colour: str, release: str, seen_at: datetime) -> None:
    """Keep that the release began to answer."""
    session.add(MonitorRelease(seen_at=seen_at, colour=colour, release=release))


def newest_releases(session: Session) -> dict[str, str]:
    """The release that was noted last, by colour."""
    statement = select(MonitorRelease).order_by(MonitorRelease.seen_at)
    return {row.colour: row.release for row in session.scalars(statement)}


def releases(session: Session, *, since: datetime) -> Sequence[MonitorRelease]:
    """What began to answer from then on, in the order of time."""
    statement = select(MonitorRelease).where(MonitorRelease.seen_at >= since)
    return session.scalars(statement.order_by(MonitorRelease.seen_at)).all()


def forget(session: Session, before: datetime) -> None:
    """Drop the samples of an older time."""
    session.execute(delete(MonitorSample).where(MonitorSample.taken_at < before))
