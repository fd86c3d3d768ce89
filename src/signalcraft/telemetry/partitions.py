"""Readings by day, their minutes by month: dropping a table is instant, deleting its rows is not.

The application may not change tables; functions of their owner do it at its call (migrations 0003, 0005).
"""

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

    Building the table beside `readings` and attaching it locks the default partition alone, for as long as
    it takes to look through it; `CREATE TABLE … PARTITION OF` would lock all of `readings`, and fail while
    the default partition holds rows of that day.

    Returns
    -------
    The names of the tables that were created.
    """
    lock(session)
    there = {name for name, _ in days_there(session)}
    missing = [day for day in days if f"readings_{day:%Y%m%d}" not in there]
    for day in missing:
        session.execute(text("SELECT make_readings_day(:day)"), {"day": day})
    return [f"readings_{day:%Y%m%d}" for day in missing]


def ensure_months(session: Session, *, today: date | None = None) -> list[str]:
    """Create the missing months of minutes that the days of `ensure` fall into; the names of the tables."""
    today = today or utc_now().date()
    months = {(today + timedelta(days=n)).replace(day=1) for n in (-DAYS_BACK, DAYS_AHEAD)}
    lock(session)
    missing = sorted(months - {month for _, month in months_there(session)})
    for month in missing:
        session.execute(text("SELECT make_readings_minute_month(:month)"), {"month": month})
    return [f"readings_minute_{month:%Y%m}" for month in missing]


def lock(session: Session) -> None:
    """Wait for another process, but give up (the task comes again) before writers pile up behind us."""
    session.execute(text("SET LOCAL lock_timeout = '4s'"))
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def drop(session: Session, name: str) -> None:
    """Drop a day or a month, named as `days_there` and `months_there` do."""
    session.execute(text("SELECT drop_readings_partition(:name)"), {"name": name})


def days_there(session: Session) -> list[tuple[str, date]]:
    """Name and day of each partition of readings, oldest first."""
    return _there(session, "readings", "%Y%m%d")


def months_there(session: Session) -> list[tuple[str, date]]:
    """Name and first day of each partition of minutes, oldest first."""
    return _there(session, "readings_minute", "%Y%m")


def _there(session: Session, parent: str, form: str) -> list[tuple[str, date]]:
    names = session.scalars(
        text(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = cast(:parent AS regclass) ORDER BY 1"
        ),
        {"parent": parent},
    )
    dated = (name for name in names if name != f"{parent}_default")
    return [(name, datetime.strptime(name, f"{parent}_{form}").replace(tzinfo=UTC).date()) for name in dated]
