"""Dropping what is older than it has to be kept: first readings, then their minutes; hours stay. Excursions
and commands that are over go as well.

Dropping a partition needs, for an instant, that nobody uses the table it is part of. Whoever waits for that
makes all others wait behind: so it waits for LOCK_TIMEOUT_MS at most, which is how long a writer may be held
up, steps back, and tries again.

What has not been rolled up yet is not dropped. After the drop, in the same transaction and with writers
locked out, it is looked whether a note of such a minute or hour is there; then all of it is undone.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import sleep
from typing import Literal

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings
from signalcraft.telemetry import partitions

log = get_logger(__name__)

LOCK_TIMEOUT_MS = 100
ATTEMPTS = 20
PAUSE_SECONDS = 0.5

_LOCK_NOT_AVAILABLE = "55P03"


class NotRolledUpError(Exception):
    """Something of what was to be dropped is not in the roll-ups yet."""


def drop_old(*, today: date | None = None) -> list[str]:
    """Drop what is older than the settings say, in its own transactions; the names of the tables."""
    settings, today = get_settings(), today or utc_now().date()
    raw = today - timedelta(days=settings.raw_retention_days)
    minutes = (today - timedelta(days=settings.minute_retention_days)).replace(day=1)
    return [
        *_patiently(lambda session: _drop_days(session, raw)),
        *_patiently(lambda session: _drop_months(session, minutes)),
    ]


def forget_old_records(session: Session) -> int:
    """Delete excursions and commands that were over long ago; how many.

    A command of a firmware update stays as long as what is known of the update.
    """
    before = utc_now() - timedelta(days=get_settings().record_retention_days)
    done = [
        session.execute(text(statement), {"before": before})
        for statement in (
            "DELETE FROM threshold_excursions WHERE ended_at < :before",
            "DELETE FROM device_commands c WHERE finished_at < :before "
            "AND NOT EXISTS (SELECT FROM firmware_updates WHERE command_id = c.id)",
        )
    ]
    return sum(one.rowcount for one in done)  # type: ignore[attr-defined]  # a DELETE's result is a cursor's


def forget_probed(session: Session, before: datetime) -> None:
    """Delete the readings of the system's own visitors, and what was rolled up of them."""
    theirs = "(SELECT d.id FROM devices d JOIN machines m ON m.id = d.machine_id WHERE m.probe)"
    for table, column in (
        ("readings", "measured_at"),
        ("readings_minute", "at"),
        ("readings_hour", "at"),
        ("readings_day", "at"),
    ):
        statement = f"DELETE FROM {table} WHERE device_id IN {theirs} AND {column} < :before"  # noqa: S608
        session.execute(text(statement), {"before": before})


def _patiently(step: Callable[[Session], list[str]]) -> list[str]:
    for _ in range(ATTEMPTS):
        try:
            with unit_of_work() as session:
                return step(session)
        except NotRolledUpError:
            log.info("retention_waits_for_rollups")
            return []
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
        sleep(PAUSE_SECONDS)
    log.warning("retention_found_no_moment", attempts=ATTEMPTS)
    return []


def _drop_days(session: Session, before: date) -> list[str]:
    old = [name for name, day in partitions.days_there(session) if day < before]
    until = _midnight(before)
    _begin(session, "minute")
    stray = session.execute(text("DELETE FROM readings_default WHERE measured_at < :until"), {"until": until})
    for name in old:
        partitions.drop(session, name)
    _refuse_if(
        session,
        "EXISTS (SELECT FROM rollup_marks, unnest(minutes) minute "
        "WHERE level = 'minute' AND minute < extract(epoch FROM cast(:until AS timestamptz)) / 60) "
        "OR EXISTS (SELECT FROM rollup_backlog WHERE day < cast(:until AS timestamptz)::date)",
        until,
    )
    if old or stray.rowcount:  # type: ignore[attr-defined]
        _note(session, "raw", until)
    return old


def _drop_months(session: Session, before: date) -> list[str]:
    old = [name for name, month in partitions.months_there(session) if month < before]
    until = _midnight(before)
    _begin(session, "hour")
    stray = session.execute(text("DELETE FROM readings_minute_default WHERE at < :until"), {"until": until})
    for name in old:
        partitions.drop(session, name)
    _refuse_if(
        session,
        "EXISTS (SELECT FROM rollup_marks, unnest(minutes) minute "
        "WHERE minute < extract(epoch FROM cast(:until AS timestamptz)) / 60)",
        until,
    )
    if old or stray.rowcount:  # type: ignore[attr-defined]
        _note(session, "minute", until)
    return old


def _begin(session: Session, level: Literal["minute", "hour"]) -> None:
    """Keep other processes and the roller of this level out; it would read what goes."""
    partitions.lock(session)
    session.execute(text("SELECT FROM rollup_progress WHERE level = :level FOR UPDATE"), {"level": level})
    session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'"))


def _refuse_if(session: Session, condition: str, until: datetime) -> None:
    if session.scalar(text(f"SELECT {condition}"), {"until": until}):
        raise NotRolledUpError


def _note(session: Session, kind: Literal["raw", "minute"], moment: datetime) -> None:
    session.execute(
        text(
            "INSERT INTO kept_since VALUES (:kind, :moment) ON CONFLICT (kind) "
            "DO UPDATE SET moment = greatest(kept_since.moment, excluded.moment)"
        ),
        {"kind": kind, "moment": moment},
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
