"""One table a day under `readings`: dropping a day is instant, deleting its rows is not."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now

DAYS_BACK = 1
"""Yesterday: what nodes kept during a short loss of the network."""
DAYS_AHEAD = 7
"""The task may fail for a week before readings land in the default partition, where they are safe as well."""

_LOCK = 0x5C7E1E  # advisory lock: one process at a time changes the partitions


def ensure(session: Session, *, today: date | None = None) -> list[str]:
    """Create the missing days from yesterday to a week ahead, taking over rows from the default partition.

    Returns
    -------
    The names of the tables that were created.
    """
    today = today or utc_now().date()
    return ensure_days(session, [today + timedelta(days=n) for n in range(-DAYS_BACK, DAYS_AHEAD + 1)])


def ensure_days(session: Session, days: Iterable[date]) -> list[str]:
    """Create those of these days that are missing.

    Returns
    -------
    The names of the tables that were created.
    """
    _lock(session)
    there = {name for name, _ in _days(session)}
    missing = [day for day in days if _name(day) not in there]
    for day in missing:
        _create(session, day)
    return [_name(day) for day in missing]


def _lock(session: Session) -> None:
    """Wait for another process, but give up (the task comes again) before writers pile up behind us."""
    session.execute(text("SET LOCAL lock_timeout = '4s'"))
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _days(session: Session) -> list[tuple[str, date]]:
    """Name and day of each existing partition."""
    names = session.scalars(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'readings'::regclass")
    )
    days = (name for name in names if name != "readings_default")
    return [(name, datetime.strptime(name, "readings_%Y%m%d").replace(tzinfo=UTC).date()) for name in days]


def _create(session: Session, day: date) -> None:
    """Build the table beside `readings`, move the day's rows into it, then attach it.

    `CREATE TABLE … PARTITION OF` would lock all of `readings` and fail while the default partition holds rows
    of that day; attaching locks the default partition alone, for as long as it takes to look through it. The
    function (migration 0003) does it as the owner of the tables, for the application may not change them.
    """
    session.execute(text("SELECT make_readings_day(:day)"), {"day": day})


def _name(day: date) -> str:
    return f"readings_{day:%Y%m%d}"
