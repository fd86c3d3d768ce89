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

Open = dict[tuple[int, str], Excursion]


def follow(
    session: Session,
    followed: Sequence[Followed],
    devices: Mapping[int, Watched],
    machines: Mapping[int, Machine],
) -> None:
    """Write down what began and ended, and bring the machines' alarms in line. Their locks are held."""
    now = utc_now()
    for one in followed:
        for rule, change in one.changes:
            _record(session, one.look.device, rule, change)
    is_open = queries.open_excursions(session, devices)
    ringing = queries.open_alarms(session, machines, CONDITIONS)
    for one in followed:
        device = devices[one.look.device]
        for rule in one.rules.values():
            state = one.states.get(rule.name)
            _settle(session, one, rule, state, is_open.get((device.key, rule.name)))
            if state is not None and state.on and rule.alarm:
                _ring(session, machines[device.machine_id], device, rule, state, ringing, now)
            elif (device.machine_id, rule.name) in ringing:
                _end(session, machines[device.machine_id], device, rule, now)
                del ringing[(device.machine_id, rule.name)]


def _record(session: Session, device: int, rule: Rule, change: Change) -> None:
    """What began and was over again between two looks is kept as well."""
    if change.kind == "begun":
        queries.add_excursion(session, **_excursion(device, rule, change.since, change.at, change.value))
    else:
        queries.end_excursion(session, device, rule.name, ended_at=_moment(change.since))


def _settle(
    session: Session, one: Followed, rule: Rule, state: State | None, excursion: Excursion | None
) -> None:
    """Bring the record in line where late readings, or another limit, have told otherwise."""
    is_on = state is not None and state.on
    if is_on and excursion is None and state is not None and state.at is not None:
        queries.add_excursion(
            session, **_excursion(one.look.device, rule, state.since, state.at, state.value)
        )
    elif not is_on and excursion is not None:
        ended_at = one.until if state is None else _moment(state.since)
        excursion.ended_at = max(ended_at, excursion.since)


def _excursion(device: int, rule: Rule, since: float, at: float, value: float) -> dict[str, object]:
    return {
        "device_id": device,
        "name": rule.name,
        "field": rule.field,
        "severity": rule.severity,
        "limit_value": rule.limit,
        "since": _moment(since),
        "confirmed_at": _moment(at),
        "value": value,
    }


def _ring(
    session: Session,
    machine: Machine,
    device: Watched,
    rule: Rule,
    state: State,
    ringing: dict[tuple[int, str], datetime],
    now: datetime,
) -> None:
    """Raise the alarm, or bear it out, if the value is of now."""
    if not state.beyond or state.at is None or now - _moment(state.at) > FRESH:
        return
    borne_out = ringing.get((machine.id, rule.name))
    at = _moment(state.at)
    if borne_out is not None and at - borne_out < AGAIN_AFTER:
        return
    alarms.raise_alarm(
        session,
        machine,
        condition=rule.name,
        severity=rule.severity,
        evidence=alarms.Evidence(
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
        ),
    )
    ringing[(machine.id, rule.name)] = at


def _end(session: Session, machine: Machine, device: Watched, rule: Rule, now: datetime) -> None:
    """Clear the alarm, unless another device of the machine is beyond the same limit."""
    session.flush()
    if not queries.is_open_elsewhere(session, machine.id, rule.name, but=device.key):
        alarms.clear_alarms(
            session, machine, at=now, conditions=[rule.name], message=sentences.BACK[rule.field]
        )


def _moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
