"""Minutes, hours and days kept right whenever readings come, in any order, without counting all anew.

The transaction that stores readings also notes which minutes of which devices they fall into. The worker
takes such notes away and, in the same transaction, counts exactly those minutes again from the readings and
notes their hours; from time to time it adds minutes up to hours and hours to days. Whatever is killed in
between: either the note is still there, or what it names is right. A note is visible together with its
readings, so that none is counted too early, and readings that come while a minute is counted bring a note of
their own.

A minute is counted once it is over, not with each reading: until then charts read the readings themselves.
"""

from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import EARLIEST
from signalcraft.telemetry import gravity
from signalcraft.telemetry import rollup_queries as queries
from signalcraft.telemetry.aggregates import DAY_US, HOUR_US, MINUTE_US, Aggregates, of_readings, together
from signalcraft.telemetry.columns import Columns
from signalcraft.telemetry.quality import UNITS_IN_G, vibration_g
from signalcraft.telemetry.rollup_queries import Level, Pairs
from signalcraft.telemetry.times import microseconds

GRACE = timedelta(seconds=3)
"""Readings measured at the end of a minute are on their way for a moment."""
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(minutes=10)}
"""Notes are worked off when the minute, or ten minutes, in which they were written are over: an hour that
were added up with each of its minutes would be read sixty times."""
MENTIONS_AT_ONCE = 300_000
"""Pairs in the notes of one transaction, most of them named again and again: a minute of 5,000 nodes that
send each second. Less would count a minute more than once."""
MINUTES_AT_ONCE, HOURS_AT_ONCE = 500, 100
"""Pairs whose readings, or minutes, are held at once: 30,000 readings, which the processor's cache holds. Six
times as many took twice as long a reading."""


def mark(session: Session, columns: Columns) -> None:
    """Note the minutes that these new readings fall into; in the transaction that stores them."""
    pairs = distinct(columns.device, columns.measured_at_us // MINUTE_US)
    queries.add_marks(session, "minute", *pairs)


def roll(session: Session, level: Literal["minute", "hour"]) -> bool:
    """Work off a portion of the notes that are due.

    Returns
    -------
    Whether there may be more; False also while another process is at it.
    """
    begun = queries.begin_rolling(session, level)
    if begun is None:
        return False
    _, now = begun
    due = _floor(now - GRACE, STEPS[level])
    pairs = distinct(*queries.take_marks(session, level, before=due, mentions=MENTIONS_AT_ONCE))
    if not len(pairs[0]):
        queries.set_progress(session, level, due)
        return level == "minute" and queries.take_backlog_day(session) is not None
    step, at_once = (_roll_minutes, MINUTES_AT_ONCE) if level == "minute" else (_roll_hours, HOURS_AT_ONCE)
    for start in range(0, len(pairs[0]), at_once):
        step(session, (pairs[0][start:][:at_once], pairs[1][start:][:at_once]))
    return True


def distinct(device: NDArray[np.integer], moment: NDArray[np.int64]) -> Pairs:
    """The different pairs, by device, then moment."""
    order = np.lexsort((moment, device))
    whose, at = device[order].astype(np.int64), moment[order]
    first = np.ones(len(whose), np.bool_)
    first[1:] = (whose[1:] != whose[:-1]) | (at[1:] != at[:-1])
    return whose[first], at[first]


def _roll_minutes(session: Session, pairs: Pairs) -> None:
    minutes = _count(session, pairs)
    kept = queries.kept_since(session)
    raw_since_us, minutes_since_us = (microseconds(kept.get(kind, EARLIEST)) for kind in ("raw", "minute"))
    is_gone = pairs[1] * MINUTE_US < raw_since_us
    if is_gone.any():
        # They are added to what is left of the readings before them, and go as those did: counted once.
        queries.remove_readings(session, (pairs[0][is_gone], pairs[1][is_gone]))
    is_ancient = minutes.at_us < minutes_since_us
    is_late = (minutes.at_us < raw_since_us) & ~is_ancient
    _add(session, "minute", minutes.take(is_late), MINUTE_US)
    _add(session, "hour", minutes.take(is_ancient), HOUR_US)
    _add(session, "day", minutes.take(is_ancient), DAY_US)
    queries.store(session, "minute", minutes.take(~is_ancient & ~is_late))
    recent = minutes.take(~is_ancient)
    queries.add_marks(session, "hour", *distinct(recent.device, recent.at_us // HOUR_US * 60))


def _add(session: Session, level: Level, more: Aggregates, step_us: int) -> None:
    """Add to the rows of a level what came after the readings that they were made of were dropped."""
    if len(more):
        whole = more.by(step_us)
        span = timedelta(microseconds=step_us)
        before = queries.aggregates_between(session, level, (whole.device, whole.at_us), span=span)
        queries.store(session, level, together(whole, before).by(step_us))


def _count(session: Session, pairs: Pairs) -> Aggregates:
    """What the readings of these minutes say."""
    raw = queries.readings_of(session, pairs)
    device = raw["device"].astype(np.int64)
    ids = np.unique(device)
    axes = np.stack([raw[axis] for axis in "xyz"], axis=1).astype(np.float64)
    known = gravity.learn_first(
        session, device, axes * _scales(session, ids, device), gravity.known(session, ids.tolist())
    )
    axes *= _scales(session, ids, device)  # learning may have found that the unit is another
    at_us = raw["at"].astype(np.int64)
    vibration = vibration_g(axes, known.at(device, at_us))
    values = np.stack(
        [raw["temperature_c"], vibration, raw["power_percent"], raw["audio_level"]], axis=1
    ).astype(np.float64)
    return of_readings(device, at_us, values=values, axes=axes, flawed=raw["flawed"], late=raw["late"])


def _scales(session: Session, ids: NDArray[np.int64], device: NDArray[np.int64]) -> NDArray[np.float64]:
    """[row, 1] what one unit of each reading's device is in g."""
    units = queries.units(session, ids.tolist())
    scales = np.array([UNITS_IN_G[units.get(one, "g")] for one in ids.tolist()])
    return scales[np.searchsorted(ids, device)][:, np.newaxis]


def _roll_hours(session: Session, pairs: Pairs) -> None:
    hours = _add_up(session, pairs, HOUR_US)
    if not len(hours):
        return  # the device and all it sent were removed after the note
    gravity.learn_turned(session, hours)
    _add_up(session, distinct(hours.device, hours.at_us // DAY_US * 24 * 60), DAY_US)


def _add_up(session: Session, pairs: Pairs, step_us: int) -> Aggregates:
    """The hours (or days) that begin in these minutes, from their minutes (or hours); stored."""
    finer, level = ("minute", "hour") if step_us == HOUR_US else ("hour", "day")
    parts = queries.aggregates_between(
        session,
        finer,  # type: ignore[arg-type]
        (pairs[0], pairs[1] * MINUTE_US),
        span=timedelta(microseconds=step_us),
    )
    whole = parts.by(step_us)
    queries.store(session, level, whole)  # type: ignore[arg-type]
    return whole


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EARLIEST) % step
