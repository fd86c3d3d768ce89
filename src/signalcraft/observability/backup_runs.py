"""What came of each backup and restore, for screens and alerts; the backups themselves know it too."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from signalcraft.db.base import Base


class BackupRun(Base):
    """One attempt."""

    __tablename__ = "backup_runs"
    __table_args__ = (CheckConstraint("kind IN ('backup', 'restore')", name="kind"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    backup: Mapped[str | None]
    """Id of the backup that was made or restored."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    size_bytes: Mapped[int | None]
    trusted: Mapped[bool]
    """Whether it was restored into a scratch server, or is in force."""
    problem: Mapped[str | None]


def last_trusted(session: Session) -> datetime | None:
    """When the newest trusted backup began: what a restore without the log would lead to."""
    newest = select(BackupRun.started_at).where(BackupRun.kind == "backup", BackupRun.trusted)
    return session.scalar(newest.order_by(BackupRun.started_at.desc()).limit(1))
