"""Bring the limits of devices up to date with their readings, and the alarms up to date with the limits.

Work, state, excursions and alarms change in one transaction: killed at any point, the work is still there and
nothing is half done. What follows is decided by the readings in the order of their measurement, in whatever
order they came, as long as they come no later than `LATENESS` behind the newest of a device that is followed.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signalcraft.clock import EPOCH, utc_now
from signalcraft.db.session import repeated, unit_of_work
from signalcraft.fleet.queries import lock_machines
from signalcraft.logging import get_logger
from signalcraft.telemetry import gravity
from signalcraft.telemetry.quality import UNITS_IN_G, vibration_g
from signalcraft.telemetry.thresholds import consequences, queries
from signalcraft.telemetry.thresholds.looks import Course, Courses, Followed, Look, States, as_json, from_json
from signalcraft.telemetry.thresholds.machine import REST, Change, follow
from signalcraft.telemetry.thresholds.models import ThresholdState
from signalcraft.telemetry.thresholds.queries import Watched
from signalcraft.telemetry.thresholds.rules import FIELDS, Field, Rule, merged

log = get_logger(__name__)

LATENESS = timedelta(minutes=15)
"""What comes later than this tells of a time that is over: it is kept and shown, and changes no state."""
WORK_LIMIT = 50
"""Rows claimed in one transaction: the first alarms of a storm do not wait for the last."""
READINGS_LIMIT = 20_000
"""Readings of a device followed at once; the rest of a node's backlog is the next piece of work."""
LOOK_AGAIN = timedelta(minutes=10)
"""A silent device whose limits are not at rest is looked at this often, whatever a lost race left out."""
LOOK_AGAIN_LIMIT = 200


def work_off() -> int:
    """Do the work that waits, until none does; how many devices were looked at."""
    total = 0
    while True:
        try:
            looked_at = repeated(do_some)
        except DBAPIError:
            raise  # the database is away: nothing is lost, the next task goes on
        except Exception:
            log.exception("thresholds_not_followed")
            looked_at = _one_by_one()
        total += looked_at
        if not looked_at:
            return total


def _one_by_one() -> int:
    """What cannot be done for one device must not keep the others from ringing: its work is given up, with an
    error in the log, until its next reading."""
    with unit_of_work() as session:
        devices = queries.waiting(session, limit=WORK_LIMIT)
    for device in devices:
        try:
            repeated(partial(do_some, only=device))
        except DBAPIError:
            raise
        except Exception:
            log.exception("threshold_work_given_up", device_key=device)
            repeated(partial(queries.take_work, limit=READINGS_LIMIT, only=device))
    return len(devices)


def look_again() -> None:
    """Put devices whose limits are not at rest, and that nobody has looked at for a while, to the work."""

    def add(session: Session) -> None:
        silent = queries.not_looked_at_since(session, utc_now() - LOOK_AGAIN, limit=LOOK_AGAIN_LIMIT)
        if silent:
            queries.add_work(session, list(silent), list(silent.values()))

    repeated(add)


def do_some(session: Session, only: int | None = None) -> int:
    """Claim some of the work, of all devices or of one, and do it; of how many devices it was.

    It is given back if the transaction fails.
    """
    work = queries.take_work(session, limit=WORK_LIMIT, only=only)
    if not work:
        return 0
    devices = {device.key: device for device in queries.devices(session, work)}
    machines = {
        machine.id: machine
        for machine in lock_machines(session, {device.machine_id for device in devices.values()})
    }
    rules = rules_of(session, list(devices.values()))
    looks = _looks(session, {key: work[key] for key in devices})
    followed = [
        _followed(look, rules[look.device], courses)
        for look, courses in _with_courses(session, looks, devices)
    ]
    _save(session, followed)
    consequences.follow(session, followed, devices, machines)
    return len(devices)


def rules_of(session: Session, devices: Sequence[Watched]) -> dict[int, dict[str, Rule]]:
    """The rules in force for each of these devices, by `devices.id` and name."""
    by_type = queries.type_changes(session, {device.device_type for device in devices})
    by_device = queries.device_changes(session, [device.key for device in devices])
    return {
        device.key: merged(by_type.get(device.device_type, {}), by_device.get(device.key, {}))
        for device in devices
    }


def _looks(session: Session, work: Mapping[int, datetime]) -> list[Look]:
    rows = queries.states(session, work)
    looks = []
    for device, measured_from in sorted(work.items()):
        row = rows.get(device)
        if row is None:
            # Where nothing is stored, everything was at rest. Readings before these may still be coming,
            # or in the work of a worker that died: they must find a state that begins before them.
            after = measured_from - LATENESS
            looks.append(Look(device, after, {}, after, None, is_full=True))
        elif measured_from > row.head_until and row.head_until - row.checkpoint_until <= 2 * LATENESS:
            states = from_json(row.head)
            looks.append(Look(device, row.head_until, states, row.head_until, row, is_full=False))
        else:
            states = from_json(row.checkpoint)
            looks.append(Look(device, row.checkpoint_until, states, row.head_until, row, is_full=True))
    return looks


def _with_courses(
    session: Session, looks: Sequence[Look], devices: Mapping[int, Watched]
) -> list[tuple[Look, Courses]]:
    rows = queries.readings_after(session, {look.device: look.after for look in looks}, limit=READINGS_LIMIT)
    known = gravity.current(session, list(devices))
    by_device = {key: list(group) for key, group in groupby(rows, key=lambda row: row[0])}
    unknown = np.full(3, np.nan)
    found = []
    for look in looks:
        own = by_device.get(look.device, [])
        look.is_cut = len(own) == READINGS_LIMIT
        unit = UNITS_IN_G[devices[look.device].vibration_unit]
        found.append((look, courses_of(own, unit, known.get(look.device, unknown))))
    return found


def courses_of(rows: Sequence[queries.Row], g_per_unit: float, rest: NDArray[np.float64]) -> Courses:
    """The valid values of each watched field of a device's readings, which are in the order of time."""
    if not rows:
        return {name: [] for name in FIELDS}
    times = [(row[1] - EPOCH).total_seconds() for row in rows]
    axes = np.array([row[3:6] for row in rows], np.float64) * g_per_unit
    lengths = vibration_g(axes, np.broadcast_to(rest, axes.shape)).tolist()
    columns: dict[Field, list[float | None]] = {
        "temperature_c": [row[2] for row in rows],
        "vibration_g": [None if value != value else value for value in lengths],
        "power_percent": [row[6] for row in rows],
        "audio_level": [row[7] for row in rows],
    }
    return {
        name: [(at, value) for at, value in zip(times, column, strict=True) if value is not None]
        for name, column in columns.items()
    }


def _followed(look: Look, rules: Mapping[str, Rule], courses: Courses) -> Followed:
    newest = max((course[-1][0] for course in courses.values() if course), default=None)
    until = look.decided_until
    if newest is not None:
        until = max(until, EPOCH + timedelta(seconds=newest))
    checkpoint, checkpoint_until = look.states, look.after
    if look.row is not None and not look.is_full:
        checkpoint, checkpoint_until = from_json(look.row.checkpoint), look.row.checkpoint_until
    elif until - LATENESS > look.after:
        checkpoint_until = until - LATENESS
        early = {name: _split(course, checkpoint_until)[0] for name, course in courses.items()}
        checkpoint, _ = advanced(rules, look.states, early)
    states, changes = advanced(rules, look.states, courses)
    decided = (look.decided_until - EPOCH).total_seconds()
    return Followed(
        look=look,
        rules=rules,
        states=states,
        until=until,
        checkpoint=checkpoint,
        checkpoint_until=checkpoint_until,
        changes=[(rule, change) for rule, change in changes if change.at > decided],
        is_at_rest=look.is_full
        and not look.is_cut
        and not checkpoint
        and _is_quiet(rules, {name: _split(course, checkpoint_until)[1] for name, course in courses.items()}),
    )


def advanced(
    rules: Mapping[str, Rule], states: States, courses: Courses
) -> tuple[States, list[tuple[Rule, Change]]]:
    """The states after these values; those at rest are left out. A rule that is not in force is at rest."""
    after: States = {}
    changes: list[tuple[Rule, Change]] = []
    for name, rule in rules.items():
        if not rule.enabled:
            continue
        state, found = follow(rule, states.get(name, REST), courses[rule.field])
        changes += [(rule, change) for change in found]
        if not state.is_at_rest:
            after[name] = state
    return after, changes


def _is_quiet(rules: Mapping[str, Rule], courses: Courses) -> bool:
    """Whether no value was beyond its limit."""
    return not any(
        rule.enabled and rule.is_beyond(value) for rule in rules.values() for _, value in courses[rule.field]
    )


def _split(course: Course, moment: datetime) -> tuple[Course, Course]:
    """The values up to the moment, and those after it."""
    last = (moment - EPOCH).total_seconds()
    place = bisect_right(course, last, key=lambda reading: reading[0])
    return course[:place], course[place:]


def _save(session: Session, followed: Sequence[Followed]) -> None:
    now = utc_now()
    for one in followed:
        row = one.look.row
        if one.look.is_cut:
            queries.add_work(session, [one.look.device], [one.until])
        if one.is_at_rest:
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = ThresholdState(device_id=one.look.device)
            session.add(row)
        row.head, row.head_until = as_json(one.states), one.until
        row.checkpoint, row.checkpoint_until = as_json(one.checkpoint), one.checkpoint_until
        row.looked_at = now
    session.flush()
