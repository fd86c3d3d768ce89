"""What a judged clip means for its machine: alarms, and which clips are kept from learning.

Decided on stored results and labels only, in the order of recording: the same rows give the same decisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics.learning import label_queries
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.learning.labels import NEAR_ALARM
from signalcraft.acoustics.models import Analysis
from signalcraft.acoustics.sentences import told_by_sensors
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import decision
from signalcraft.anomaly.decision import Assessed
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, UNKNOWN
from signalcraft.fleet.models import Machine

OPERATION = frozenset({"short_cycling", "door_open"})
"""How the machine is used; what is wrong with itself is another matter and another alarm."""
FAMILIES = (frozenset(CONDITIONS) - OPERATION, OPERATION)
"""Conditions of one family are one alarm: what is unknown today may be a worn bearing tomorrow."""
ACCEPTED_FOR = timedelta(days=3)
"""How long a dismissed sound does not ring again: three re-fits learn it if it stays."""
ACCEPTED_UP_TO = 1.25
"""... unless it is clearly farther from normal than what was dismissed, or found to be another condition."""

Accepted = Mapping[str, float]
"""Condition to the ratio up to which people have called it a false alarm."""


def follow(session: Session, analysis: Analysis, machine: Machine) -> None:
    """Decide on the newest clips with this one. The caller holds the machine; the result is written."""
    recent = queries.recent_assessed(session, machine.id, until=analysis.heard_at, limit=decision.WINDOW)
    accepted = _accepted(session, analysis, machine)
    decided = decision.decide([assessed(row, accepted) for row in reversed(recent)])
    is_accepted = analysis.verdict == "anomalous" and not assessed(analysis, accepted).anomalous
    analysis.decision = {**asdict(decided), "accepted": is_accepted}
    analysis.decision_version = decision.NAME
    if is_accepted:
        analysis.learnable = True
    if decided.action == "raise" and decided.severity is not None:
        _raise(session, analysis, machine, analysis.condition or UNKNOWN, decided.severity, recent)
    elif decided.action == "clear" and queries.is_newest(session, machine.id, analysis.heard_at):
        alarms.clear_alarms(session, machine, at=analysis.heard_at, conditions=FAMILIES[0])
    _follow_operation(session, analysis, machine, recent)
    if alarms.gravest_severity(session, machine.id) is not None:
        # Nothing heard while an alarm is open is ever learned.
        analysis.learnable = False


def assessed(row: Analysis, accepted: Accepted) -> Assessed:
    """What the rule over time reads of a stored result; what people have accepted counts as normal."""
    ratio = (row.score or 0.0) / (row.score_limit or 1.0)
    if ratio <= accepted.get(row.condition or UNKNOWN, 0.0):
        return Assessed(ratio=min(ratio, 1.0), grave=False)
    return Assessed(ratio=ratio, grave=bool(row.grave))


def family_of(condition: str) -> frozenset[str]:
    """The conditions that are one matter with this one."""
    return next((family for family in FAMILIES if condition in family), frozenset({condition}))


def _accepted(session: Session, analysis: Analysis, machine: Machine) -> Accepted:
    since = analysis.heard_at - ACCEPTED_FOR
    limits: dict[str, float] = {}
    for condition, ratio in label_queries.dismissed(session, machine.id, since=since):
        name = condition or UNKNOWN
        limits[name] = max(limits.get(name, 0.0), ACCEPTED_UP_TO * (ratio or 0.0))
    return limits


def _follow_operation(
    session: Session, analysis: Analysis, machine: Machine, recent: Sequence[Analysis]
) -> None:
    """What the sensors tell of a machine that sounds well must last, and ends, as a sound does."""
    told = [row.condition if row.condition in OPERATION else None for row in recent]
    newest = told[0] if told else None
    if newest is not None and analysis.verdict == "normal":
        if told.count(newest) >= decision.ENOUGH:
            _raise(session, analysis, machine, newest, "medium", recent)
    elif not any(told[: decision.CLEAR_AFTER]) and len(told) >= decision.CLEAR_AFTER:
        alarms.clear_alarms(session, machine, at=analysis.heard_at, conditions=OPERATION)


def _raise(
    session: Session,
    analysis: Analysis,
    machine: Machine,
    condition: str,
    severity: str,
    recent: Sequence[Analysis],
) -> None:
    family = family_of(condition)
    standing = alarms.open_condition(session, machine.id, family)
    if standing is None:
        # What came shortly before an alarm may be its beginning.
        learning.set_learnable(
            session,
            machine.id,
            start=analysis.heard_at - NEAR_ALARM,
            end=analysis.heard_at,
            learnable=False,
        )
    analysis.learnable = False
    alarms.raise_alarm(
        session,
        machine,
        condition=_settled(condition, standing, recent),
        severity=severity,
        evidence=_evidence(analysis, condition),
        family=family,
    )


def _evidence(analysis: Analysis, condition: str) -> alarms.Evidence:
    """What people are told: what was heard, or what the sensors say of a machine that sounds well."""
    summary, advice = analysis.summary or {}, (analysis.explanation or {}).get("advice", {})
    if analysis.verdict == "normal":
        about = CONDITIONS[condition]
        found = next(
            (one for one in (analysis.diagnosis or {}).get("conditions", ()) if one["evidence"]), None
        )
        summary = told_by_sensors(about.title, found["evidence"][0]["text"] if found else None)
        advice = about.first
    return alarms.Evidence(at=analysis.heard_at, analysis_id=analysis.id, summary=summary, advice=advice)


def _settled(condition: str, standing: str | None, recent: Sequence[Analysis]) -> str:
    """What the alarm says it is: the first name it gets, and another one only if two clips in a row say so.

    Never back from a name to `unknown_anomaly`: that a clip tells less does not disprove the others.
    """
    if standing is None or standing in (UNKNOWN, condition):
        return condition
    if condition == UNKNOWN:
        return standing
    before = [row.condition for row in recent[1:] if row.verdict == "anomalous"]
    return condition if before[:1] == [condition] else standing
