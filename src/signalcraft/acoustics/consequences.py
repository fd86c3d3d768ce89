"""What a judged clip means for its machine: alarms, and which clips are kept from learning.

Decided on stored results and labels only, in the order of recording: the same rows give the same decisions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import label_queries
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.models import Analysis
from signalcraft.acoustics.sentences import LEFT_OPEN, told_by_sensors
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import decision, drift, operation
from signalcraft.anomaly.decision import USUAL, Assessed
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS, UNKNOWN
from signalcraft.fleet.models import Machine

OPERATION = frozenset({"short_cycling", "door_open"})
"""How the machine is used; what is wrong with itself is another matter and another alarm."""
FAMILIES = (frozenset(CONDITIONS) - OPERATION, OPERATION)
"""Conditions of one family are one alarm: what is unknown today may be a worn bearing tomorrow."""
OPERATION_WINDOW = 6
OPERATION_ENOUGH = 4
"""How many of the last clips must tell of it; a single one proves little."""
ACCEPTED_FOR = timedelta(days=3)
"""How long a dismissed sound does not ring again: re-fits have learned it by then if it stays."""
ACCEPTED_UP_TO = 1.25
"""... unless it is clearly farther from normal than what was dismissed, or found to be another condition."""

_STATES_LIMIT = 100

Accepted = Mapping[str, float]
"""Condition to the ratio up to which people have called it a false alarm."""


def follow(session: Session, analysis: Analysis, machine: Machine) -> None:
    """Decide on the newest clips with this one. The caller holds the machine; the result is written."""
    recent = queries.recent_assessed(
        session,
        machine.id,
        until=analysis.heard_at,
        # What a person has ended says nothing more; the newest clip always does.
        finished_after=alarms.closed_by_a_person_at(session, machine.id),
        limit=decision.WINDOW,
    )
    accepted = _accepted(session, analysis, machine)
    clips = learning.clips_of(session, {row.baseline_id for row in recent})
    newest = assessed(analysis, accepted, clips=clips[analysis.baseline_id])
    decided = decision.decide(
        [assessed(row, accepted, clips=clips[row.baseline_id]) for row in reversed(recent)]
    )
    is_accepted = analysis.verdict == "anomalous" and newest is USUAL
    analysis.decision = {**asdict(decided), "accepted": is_accepted}
    analysis.decision_version = decision.NAME
    analysis.learnable = drift.may_learn(newest, decided.sum)
    if decided.action == "raise" and decided.severity is not None:
        found_over_time(analysis)
        _raise(session, analysis, machine, analysis.condition or UNKNOWN, decided.severity, recent)
    elif decided.action == "clear" and queries.is_newest(session, machine.id, analysis.heard_at):
        alarms.clear_alarms(session, machine, at=analysis.heard_at, conditions=FAMILIES[0])


def follow_operation(session: Session, analysis: Analysis, machine: Machine) -> None:
    """What the sensors tell of a machine that sounds well, and a door that stays open, must last, and ends,
    as a sound does. Of every clip of the node, judged or not."""
    since = analysis.heard_at - timedelta(seconds=operation.WITHIN_S)
    ended = alarms.closed_by_a_person_at(session, machine.id)
    states = queries.states_before(
        session,
        machine.id,
        since=since if ended is None else max(since, ended),
        until=analysis.heard_at,
        limit=_STATES_LIMIT,
    )
    doors = [(at.timestamp(), state or "unknown") for at, state in reversed(states)]
    doors.append((analysis.heard_at.timestamp(), analysis.run_state or "unknown"))
    recent = queries.recent_assessed(session, machine.id, until=analysis.heard_at, limit=OPERATION_WINDOW)
    told = [row.condition if row.condition in OPERATION else None for row in recent]
    newest = told[0] if told and recent[0] is analysis else None
    if operation.is_left_open(doors):
        severity = operation.severity(around.from_json(analysis.surroundings).temperature_slope_c_per_min)
        _raise(session, analysis, machine, operation.DOOR_OPEN, severity, recent)
    elif newest is not None and analysis.verdict == "normal":
        if told.count(newest) >= OPERATION_ENOUGH:
            _raise(session, analysis, machine, newest, "medium", recent)
    elif operation.is_closed(doors) and not any(told[: decision.CLEAR_AFTER]):
        alarms.clear_alarms(session, machine, at=analysis.heard_at, conditions=OPERATION)
    if alarms.is_sound_in_question(session, machine.id):
        # Nothing heard while an alarm is open is ever learned.
        analysis.learnable = False


def assessed(row: Analysis, accepted: Accepted, *, clips: int) -> Assessed:
    """What the rule over time reads of a result by a baseline of so many clips.

    What people have accepted counts as usual: so far off for that condition, and anything under the limit,
    which by itself has no name.
    """
    ratio = (row.score or 0.0) / (row.score_limit or 1.0)
    if ratio <= accepted.get(row.condition or UNKNOWN, 0.0) or (ratio <= 1 and accepted.keys() - OPERATION):
        return USUAL
    tail = row.tail_probability if row.tail_probability is not None else 1.0
    return Assessed(
        ratio=ratio,
        grave=bool(row.grave),
        tail_probability=decision.believed(tail, row.tail_high, clips=clips),
    )


def found_over_time(analysis: Analysis) -> None:
    """A clip on which an alarm stands is anomalous, be it together with those before: it says what of."""
    lasting = (analysis.explanation or {}).get("if_it_lasts")
    if analysis.verdict != "normal" or lasting is None:
        return
    analysis.verdict = "anomalous"
    scorers = (analysis.explanation or {}).get("scorers", {})
    for name, value in lasting.items():
        setattr(analysis, name, value)
    analysis.explanation = {**lasting["explanation"], "scorers": scorers}


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
            start=analysis.heard_at - drift.SETTLING,
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
    if condition == operation.DOOR_OPEN or analysis.verdict == "normal":
        about = CONDITIONS[condition]
        found = next(
            (one for one in (analysis.diagnosis or {}).get("conditions", ()) if one["evidence"]), None
        )
        evidence = found["evidence"][0]["text"] if found else None
        summary = told_by_sensors(about.title, LEFT_OPEN if condition == operation.DOOR_OPEN else evidence)
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
