"""What a judged clip means for its machine: alarms, and which clips are kept from learning.

Decided on stored results only, in the order of recording: the same results give the same decisions again.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.learning.labels import NEAR_ALARM
from signalcraft.acoustics.models import Analysis
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import decision
from signalcraft.anomaly.decision import Assessed
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, UNKNOWN
from signalcraft.fleet.models import Machine

OPERATION = frozenset({"short_cycling", "door_open"})
"""How the machine is used; what is wrong with itself is another matter and another alarm."""
FAMILIES = (frozenset(CONDITIONS) - OPERATION, OPERATION)
"""Conditions of one family are one alarm: what is unknown today may be a worn bearing tomorrow."""


def follow(session: Session, analysis: Analysis, machine: Machine) -> None:
    """Decide on the newest clips with this one. The caller holds the machine; the result is written."""
    recent = queries.recent_assessed(session, machine.id, until=analysis.heard_at, limit=decision.WINDOW)
    decided = decision.decide([assessed(row) for row in reversed(recent)])
    analysis.decision = asdict(decided)
    analysis.decision_version = getattr(decision, "NAME", "three-of-five")
    if decided.action == "raise" and decided.severity is not None:
        _raise(session, analysis, machine, decided.severity, recent)
    elif alarms.gravest_severity(session, machine.id) is not None:
        if decided.action == "clear" and queries.is_newest(session, machine.id, analysis.heard_at):
            alarms.clear_alarms(session, machine, at=analysis.heard_at)
        else:
            # Nothing heard while an alarm is open is ever learned.
            analysis.learnable = False


def assessed(row: Analysis) -> Assessed:
    """What the rule over time reads of a stored result."""
    return Assessed(ratio=(row.score or 0.0) / (row.score_limit or 1.0), grave=bool(row.grave))


def family_of(condition: str) -> frozenset[str]:
    """The conditions that are one matter with this one."""
    return next((family for family in FAMILIES if condition in family), frozenset({condition}))


def _raise(
    session: Session, analysis: Analysis, machine: Machine, severity: str, recent: Sequence[Analysis]
) -> None:
    condition = analysis.condition or UNKNOWN
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
        evidence=alarms.Evidence(
            at=analysis.heard_at,
            analysis_id=analysis.id,
            summary=analysis.summary or {},
            advice=(analysis.explanation or {}).get("advice", {}),
        ),
        family=family,
    )


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
