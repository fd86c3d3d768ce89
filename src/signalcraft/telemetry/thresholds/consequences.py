"""What follows when a value has been beyond its limit for long enough: a record, and where it rings an alarm.

The alarm is the same as that of the acoustic engine: a row of the machine with state, severity, what to tell
people and what to do, raised once, counted up while it lasts, cleared when the value is back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.alarms import service as alarms
from signalcraft.clock import EPOCH, iso, utc_now
from signalcraft.fleet.models import Machine
from signalcraft.telemetry.thresholds import queries, sentences
from signalcraft.telemetry.thresholds.looks import Followed
from signalcraft.telemetry.thresholds.machine import Change, State
from signalcraft.telemetry.thresholds.models import Excursion
from signalcraft.telemetry.thresholds.queries import Watched
from signalcraft.telemetry.thresholds.rules import DEFAULTS, UNITS, Rule

FRESH = timedelta(minutes=15)
"""A node that sends what it has kept for days rings for what is so now, not for what was so then."""
AGAIN_AFTER = timedelta(seconds=60)
"""An open alarm is borne out this often: its newest value is for who looks at it, not for the log."""

CONDITIONS = frozenset(rule.name for rule in DEFAULTS)
"""The conditions of these alarms; none of the acoustic engine has such a name."""

Known = dict[tuple[int, str], list[Excursion]]
"""Excursions by device and name of the limit."""


def follow(
    session: Session,
    followed: Sequence[Followed],
    devices: Mapping[int, Watched],
    machines: Mapping[int, Machine],
) -> None:
    """Write down what began and ended, and bring the machines' alarms in line. Their locks are held."""
    now = utc_now()
    begun = [change.since for one in followed for _, change in one.changes]
    standing = [state.since for one in followed for state in one.states.values()]
    earliest = min([*begun, *standing], default=now.timestamp())
    known = queries.excursions_from(session, devices, _moment(earliest))
    ringing = queries.open_alarms(session, machines, CONDITIONS)
    new: dict[tuple[int, str], alarms.NewAlarm] = {}
    for one in followed:
        device = devices[one.look.device]
        for rule, change in one.changes:
            _record(session, known, device.key, rule, change)
        for rule in one.rules.values():
            state = one.states.get(rule.name)
            _settle(session, known, one, rule, state)
            if state is not None and state.on and rule.alarm:
                _ring(session, machines[device.machine_id], device, rule, state, ringing, new, now)
            elif (device.machine_id, rule.name) in ringing:
                _end(session, machines[device.machine_id], device, rule, now)
                del ringing[(device.machine_id, rule.name)]
    alarms.open_new(session, list(new.values()))


def _record(session: Session, known: Known, device: int, rule: Rule, change: Change) -> None:
    """What began and was over again between two looks is kept as well; what is known is not kept twice."""
    excursions = known.setdefault((device, rule.name), [])
    since = _moment(change.since)
    if change.kind == "begun":
        if _around(excursions, since) is None:
            excursions.append(_add(session, device, rule, since, _moment(change.at), change.value))
    elif (standing := _standing(excursions)) is not None:
        standing.ended_at = max(since, standing.since)


def _settle(session: Session, known: Known, one: Followed, rule: Rule, state: State | None) -> None:
    """Bring the record in line where late readings, or another limit, have told otherwise."""
    excursions = known.setdefault((one.look.device, rule.name), [])
    standing = _standing(excursions)
    if state is not None and state.on and state.at is not None:
        since = _moment(state.since)
        if standing is None and (over := _around(excursions, since)) is not None:
            over.ended_at = None  # it was not over after all
        elif standing is None:
            excursions.append(_add(session, one.look.device, rule, since, _moment(state.at), state.value))
    elif standing is not None:
        ended_at = one.until if state is None else _moment(state.since)
        standing.ended_at = max(ended_at, standing.since)


def _standing(excursions: Sequence[Excursion]) -> Excursion | None:
    return next((one for one in excursions if one.ended_at is None), None)


def _around(excursions: Sequence[Excursion], moment: datetime) -> Excursion | None:
    """The one that began at that moment, or that was not over then."""
    for one in excursions:
        lasted = one.since < moment and (one.ended_at is None or moment < one.ended_at)
        if lasted or one.since == moment:
            return one
    return None


def _add(
    session: Session, device: int, rule: Rule, since: datetime, confirmed_at: datetime, value: float
) -> Excursion:
    excursion = Excursion(
        device_id=device,
        name=rule.name,
        field=rule.field,
        severity=rule.severity,
        limit_value=rule.limit,
        since=since,
        confirmed_at=confirmed_at,
        value=value,
    )
    session.add(excursion)
    return excursion


def _ring(
    session: Session,
    machine: Machine,
    device: Watched,
    rule: Rule,
    state: State,
    ringing: dict[tuple[int, str], datetime],
    new: dict[tuple[int, str], alarms.NewAlarm],
    now: datetime,
) -> None:
    """Bear the alarm out, or put it among the new ones, if the value is of now."""
    if not state.beyond or state.at is None or now - _moment(state.at) > FRESH:
        return
    key, at = (machine.id, rule.name), _moment(state.at)
    borne_out = ringing.get(key)
    if key in new or (borne_out is not None and at - borne_out < AGAIN_AFTER):
        return
    evidence = _evidence(device, rule, state, at)
    if borne_out is None:
        new[key] = alarms.NewAlarm(
            machine=machine, condition=rule.name, severity=rule.severity, evidence=evidence
        )
        return
    alarms.raise_alarm(session, machine, condition=rule.name, severity=rule.severity, evidence=evidence)
    ringing[key] = at


def _evidence(device: Watched, rule: Rule, state: State, at: datetime) -> alarms.Evidence:
    return alarms.Evidence(
        at=at,
        summary=sentences.summary(rule, state.value, device.device_id),
        advice=sentences.ADVICE[rule.field],
        reading={
            "device_id": device.device_id,
            "field": rule.field,
            "value": state.value,
            "unit": UNITS[rule.field],
            "limit": rule.limit,
            "since": iso(_moment(state.since)),
            "measured_at": iso(at),
        },
    )


def _end(session: Session, machine: Machine, device: Watched, rule: Rule, now: datetime) -> None:
    """Clear the alarm, unless another device of the machine is beyond the same limit."""
    session.flush()
    if not queries.is_open_elsewhere(session, machine.id, rule.name, but=device.key):
        alarms.clear_alarms(
            session, machine, at=now, conditions=[rule.name], message=sentences.BACK[rule.field]
        )


def _moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
