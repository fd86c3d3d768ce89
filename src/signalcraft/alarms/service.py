"""The alarm state machine: raise, repeat, rediagnose, escalate, acknowledge, clear; dismiss, fix.

Each step is a row in `alarm_transitions` and a durable event in the same transaction; a repeat only counts.
Callers hold the machine's lock, so that two results never raise the same alarm twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft import metrics
from signalcraft.accounts.access import Principal
from signalcraft.accounts.models import User
from signalcraft.alarms import queries
from signalcraft.alarms.models import SEVERITIES, Alarm, AlarmTransition
from signalcraft.alarms.schemas import AlarmOut
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.fleet.light import machine_light
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger, request_id
from signalcraft.notifications import service as notifications
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

ClosedBy = Literal["dismissed", "fixed"]

_QUIET = frozenset({"acknowledged", "rediagnosed"})
"""Steps that nobody is told of: whoever looks sees them."""
_SOUNDS_NORMAL = {"ko": "소리가 정상으로 돌아왔습니다.", "en": "it sounds normal again."}
_CLOSING = {
    "dismissed": {"ko": "오경보로 확인되어 경보를 닫았습니다.", "en": "closed as a false alarm."},
    "fixed": {"ko": "수리가 끝나 경보를 닫았습니다.", "en": "closed as repaired."},
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why an alarm stands: since when, and what to tell people. It rests on an analysis of sound or on
    readings (`schemas.ReadingEvidence`)."""

    at: datetime
    summary: dict[str, str]
    advice: dict[str, str]
    analysis_id: UUID | None = None
    reading: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class NewAlarm:
    """An alarm to be opened."""

    machine: Machine
    condition: str
    severity: str
    evidence: Evidence


def open_new(session: Session, new: Sequence[NewAlarm]) -> list[Alarm]:
    """Open these alarms together. The caller holds their machines and has seen that none of them is open."""
    opened = [
        Alarm(
            machine_id=one.machine.id,
            condition=one.condition,
            severity=one.severity,
            state="active_unacknowledged",
            raised_at=one.evidence.at,
            last_seen_at=one.evidence.at,
            count=1,
            analysis_id=one.evidence.analysis_id,
            reading=one.evidence.reading,
            summary=one.evidence.summary,
            advice=one.evidence.advice,
        )
        for one in new
    ]
    session.add_all(opened)
    session.flush()
    for alarm, one in zip(opened, new, strict=True):
        _record(session, alarm, one.machine, "raised")
    return opened


def raise_alarm(
    session: Session,
    machine: Machine,
    *,
    condition: str,
    severity: str,
    evidence: Evidence,
    family: Collection[str] = (),
) -> Alarm:
    """Open the alarm, or count the repeat of the open one and raise its severity if this is graver.

    family: conditions that are one matter with this one. An open alarm of any of them is that alarm; it takes
    the new condition over, as a diagnosis sharpens with time.
    """
    alarm = queries.lock_open_alarm(session, machine.id, {condition, *family})
    if alarm is None:
        new = NewAlarm(machine=machine, condition=condition, severity=severity, evidence=evidence)
        return open_new(session, [new])[0]
    alarm.count += 1
    if evidence.at >= alarm.last_seen_at:
        alarm.last_seen_at = evidence.at
        alarm.analysis_id, alarm.reading = evidence.analysis_id, evidence.reading
        alarm.summary = evidence.summary
    if condition != alarm.condition:
        alarm.condition, alarm.advice = condition, evidence.advice
        _record(session, alarm, machine, "rediagnosed")
    if SEVERITIES.index(severity) > SEVERITIES.index(alarm.severity):
        alarm.severity = severity
        # Somebody who accepted the lesser alarm has not accepted this one.
        alarm.state = "active_unacknowledged"
        alarm.acknowledged_at = alarm.acknowledged_by = None
        alarm.advice = evidence.advice
        _record(session, alarm, machine, "escalated")
    return alarm


def clear_alarms(
    session: Session,
    machine: Machine,
    *,
    at: datetime,
    conditions: Collection[str],
    message: Mapping[str, str] = _SOUNDS_NORMAL,
) -> None:
    """Close the machine's open alarms about these conditions: what they told of is over, says `message`."""
    for alarm in queries.open_alarms_of(session, machine.id):
        if alarm.condition not in conditions:
            continue
        alarm.state = "cleared"
        alarm.cleared_at = at
        _record(session, alarm, machine, "cleared", message=message)


def close_alarms(
    session: Session, principal: Principal, machine: Machine, *, kind: ClosedBy, reason: str | None
) -> list[Alarm]:
    """A person says that there was nothing, or that it is repaired: the open alarms about its sound end.
    One about readings stands until they are within their limits.

    The caller has checked who asks and holds the machine.
    """
    closed = queries.lock_open_alarms_of(session, machine.id)
    for alarm in closed:
        alarm.state = "cleared"
        alarm.cleared_at = utc_now()
        _record(session, alarm, machine, kind, principal=principal, comment=reason)
    return list(closed)


def correct_condition(
    session: Session, principal: Principal, machine: Machine, analysis_id: UUID, condition: str
) -> None:
    """A person knows better what the alarm is that rests on this analysis. Who asks is checked already."""
    open_alarms = queries.lock_open_alarms_of(session, machine.id)
    if any(alarm.condition == condition for alarm in open_alarms):
        return
    for alarm in open_alarms:
        if alarm.analysis_id == analysis_id:
            alarm.condition = condition
            _record(session, alarm, machine, "rediagnosed", principal=principal)


def open_since(session: Session, machine_id: int) -> datetime | None:
    """When the earliest open alarm about the machine's sound was raised; None where none is open."""
    open_alarms = [alarm for alarm in queries.open_alarms_of(session, machine_id) if alarm.reading is None]
    return min((alarm.raised_at for alarm in open_alarms), default=None)


def closed_by_a_person_at(session: Session, machine_id: int) -> datetime | None:
    """When somebody last said of an alarm of the machine that it was false, or repaired."""
    return queries.last_transition_at(session, machine_id, get_args(ClosedBy))


def take_in_hand(session: Session, principal: Principal, machine: Machine, *, comment: str | None) -> None:
    """Acknowledge every open alarm about the machine's sound. The caller has checked who asks."""
    for alarm in queries.lock_open_alarms_of(session, machine.id):
        _acknowledge(session, principal, alarm, machine, comment=comment)


def open_condition(session: Session, machine_id: int, conditions: Collection[str]) -> str | None:
    """What the machine's open alarm about one of these conditions says it is; None where none is open."""
    known = set(conditions)
    open_alarms = queries.open_alarms_of(session, machine_id)
    return next((alarm.condition for alarm in open_alarms if alarm.condition in known), None)


def is_sound_in_question(session: Session, machine_id: int) -> bool:
    """Whether an alarm about the machine's sound is open."""
    session.flush()
    return any(alarm.reading is None for alarm in queries.open_alarms_of(session, machine_id))


def open_about(session: Session, condition: str) -> dict[int, datetime]:
    """Machines with an open alarm about this condition, and when the alarm was last borne out."""
    return queries.open_about(session, condition)


def gravest_severity(session: Session, machine_id: int) -> str | None:
    """Severity of the machine's gravest open alarm, None where none is open."""
    session.flush()
    severities = [alarm.severity for alarm in queries.open_alarms_of(session, machine_id)]
    return max(severities, key=SEVERITIES.index, default=None)


def acknowledge(session: Session, principal: Principal, alarm_id: int, *, comment: str | None) -> AlarmOut:
    """Somebody has it in hand.

    Raises
    ------
    NotFoundError
        No such alarm, or not one of their shops.
    ForbiddenError
        Their role may not acknowledge.
    ConflictError
        It is cleared already.
    """
    found = queries.lock_alarm(session, alarm_id)
    if found is None:
        raise NotFoundError("There is no such alarm.")
    alarm, machine = found
    principal.require("alarm.acknowledge", machine.shop_id)
    if alarm.state == "cleared":
        raise ConflictError("The alarm is cleared already.")
    _acknowledge(session, principal, alarm, machine, comment=comment)
    return AlarmOut.of(alarm, machine, _acknowledger(session, alarm))


def list_alarms(
    session: Session, principal: Principal, *, machine_id: int | None, only_open: bool, limit: int
) -> list[AlarmOut]:
    """The alarms that this person may see, newest first."""
    rows = queries.alarms(
        session, shop_ids=principal.shop_ids, machine_id=machine_id, only_open=only_open, limit=limit
    )
    return [AlarmOut.of(*row) for row in rows]


def open_alarms(session: Session, machine_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The gravest open alarm of each machine that has one, as JSON."""
    return {
        machine_id: AlarmOut.of(*row).model_dump(mode="json")
        for machine_id, row in queries.gravest_open(session, machine_ids).items()
    }


def _acknowledge(
    session: Session, principal: Principal, alarm: Alarm, machine: Machine, *, comment: str | None
) -> None:
    if alarm.state == "active_unacknowledged":
        alarm.state = "active_acknowledged"
        alarm.acknowledged_at = utc_now()
        alarm.acknowledged_by = principal.user_id
        _record(session, alarm, machine, "acknowledged", principal=principal, comment=comment)


def _acknowledger(session: Session, alarm: Alarm) -> str | None:
    person = session.get(User, alarm.acknowledged_by) if alarm.acknowledged_by is not None else None
    return person.username if person else None


def _record(
    session: Session,
    alarm: Alarm,
    machine: Machine,
    kind: str,
    *,
    principal: Principal | None = None,
    comment: str | None = None,
    message: Mapping[str, str] | None = None,
) -> None:
    session.add(
        AlarmTransition(
            alarm_id=alarm.id,
            at=utc_now(),
            kind=kind,
            severity=alarm.severity,
            user_id=principal.user_id if principal else None,
            comment=comment,
            request_id=request_id(),
        )
    )
    step = metrics.ALARM_STEPS.labels(kind, alarm.severity)
    after_commit(session, step.inc)
    log.info("alarm", kind=kind, alarm_id=alarm.id, machine_id=machine.id, severity=alarm.severity)
    event = "cleared" if alarm.state == "cleared" else kind
    if kind not in _QUIET:
        notifications.notify(
            session,
            machine=machine,
            alarm_id=alarm.id,
            notification_type=f"alarm.{event}",
            priority=alarm.severity if event != "cleared" else "normal",
            text=_message(machine, message or _CLOSING.get(kind) or alarm.summary),
        )
    emit(
        session,
        f"alarm.{event}",
        {
            "machine_id": machine.id,
            "light": _light(alarm),
            "alarm": AlarmOut.of(alarm, machine, _acknowledger(session, alarm)).model_dump(mode="json"),
        },
        shop_id=machine.shop_id,
    )


def _light(alarm: Alarm) -> str | None:
    """The machine's light while this alarm is open; None when it is cleared: the analysis says it then."""
    if alarm.state == "cleared":
        return None
    return machine_light(
        alarm_severity=alarm.severity, verdict=None, baseline_ready=True, device_status="online"
    )


def _message(machine: Machine, sentence: Mapping[str, str]) -> dict[str, str]:
    return {language: f"{machine.name}: {sentence[language]}" for language in ("ko", "en")}
