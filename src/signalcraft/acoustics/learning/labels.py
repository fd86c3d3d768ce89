"""What people say of a result: kept with author, time and reason; what follows from it happens at once.

A label never changes a result. It closes or takes in hand the machine's alarm, gives clips to learning or
takes them away, and asks for training.
"""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.acoustics import queries, service
from signalcraft.acoustics.learning import label_queries, training
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.learning.models import Label
from signalcraft.acoustics.learning.schemas import HEALTHY, LabelIn, LabelOut
from signalcraft.acoustics.models import Analysis
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import drift
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS
from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, InvalidInputError
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

NEAR_ALARM = drift.SETTLING
"""What was heard so shortly before an alarm may be its beginning: it is not learned, until a person says that
the alarm was false."""


def add(
    session: Session, principal: Principal, analysis_id: UUID, wanted: LabelIn
) -> tuple[LabelOut, list[int]]:
    """Keep the label and do what follows; the label, and which alarms it closed.

    Raises
    ------
    NotFoundError
        No such result, or not one of theirs.
    ForbiddenError
        Their role may not label.
    ConflictError
        The analysis is not finished, or nothing could be judged in that clip.
    InvalidInputError
        A condition is missing, unknown or out of place; or the clip belongs to no machine.
    """
    analysis, _ = service.get_analysis(session, principal, analysis_id)
    if analysis.machine_id is None:
        raise InvalidInputError("The recording belongs to no machine.", field="analysis_id")
    machine = queries.lock_machine(session, analysis.machine_id)
    principal.require("label.write", machine.shop_id)
    session.refresh(analysis)
    if analysis.state != "done" or analysis.features is None:
        raise ConflictError("There is no judgement to label: the clip was not assessable or is not done.")
    label = Label(
        analysis_id=analysis.id,
        machine_id=machine.id,
        author_id=principal.user_id,
        at=utc_now(),
        verdict=wanted.verdict,
        condition=_condition(analysis, wanted),
        reason=wanted.reason or None,
        result=_seen(analysis),
    )
    session.add(label)
    session.flush()
    closed = _follow(session, principal, machine, analysis, label)
    out = LabelOut.of(label, principal.username, superseded=False)
    emit(
        session,
        "label.added",
        {"machine_id": machine.id, "label": out.model_dump(mode="json")},
        shop_id=machine.shop_id,
    )
    log.info("labelled", analysis_id=str(analysis.id), verdict=label.verdict, condition=label.condition)
    return out, closed


def of_analysis(session: Session, principal: Principal, analysis_id: UUID) -> list[LabelOut]:
    """All labels of a result, newest first; the ones that later ones replaced are marked.

    Raises
    ------
    NotFoundError
        No such result, or not one of theirs.
    """
    service.get_analysis(session, principal, analysis_id)
    return _out(label_queries.labels(session, analysis_id=analysis_id, machine_id=None, limit=100))


def of_machine(session: Session, machine_id: int, *, limit: int) -> list[LabelOut]:
    """Labels of a machine's results, newest first. The caller has checked who asks."""
    return _out(label_queries.labels(session, analysis_id=None, machine_id=machine_id, limit=limit))


def _out(rows: Any) -> list[LabelOut]:
    return [LabelOut.of(label, author, superseded=superseded) for label, author, superseded in rows]


def _condition(analysis: Analysis, wanted: LabelIn) -> str | None:
    """What it truly was, as far as the verdict says."""
    if wanted.verdict == "correct":
        if wanted.condition is None:
            raise InvalidInputError("Say what it was instead.", field="condition")
        if wanted.condition != HEALTHY and wanted.condition not in CONDITIONS:
            raise InvalidInputError("There is no such condition.", field="condition")
        return wanted.condition
    if wanted.condition is not None:
        raise InvalidInputError("A condition goes with the verdict `correct` only.", field="condition")
    if wanted.verdict == "dismiss":
        return HEALTHY
    if wanted.verdict == "confirm" and analysis.verdict == "normal":
        return HEALTHY
    if wanted.verdict == "watch" or analysis.verdict != "anomalous":
        return None
    return analysis.condition


def _seen(analysis: Analysis) -> dict[str, Any]:
    ratio = analysis.score / analysis.score_limit if analysis.score and analysis.score_limit else None
    return {
        "verdict": analysis.verdict,
        "condition": analysis.condition,
        "run_state": analysis.run_state,
        "ratio": ratio,
        "revision": analysis.revision,
        "versions": {
            "features": analysis.feature_version,
            "state": analysis.state_version,
            "detector": analysis.detector,
            "baseline": analysis.baseline_id,
            "head": analysis.head_id,
            "decision": analysis.decision_version,
        },
    }


def _follow(
    session: Session, principal: Principal, machine: Machine, analysis: Analysis, label: Label
) -> list[int]:
    closed: list[int] = []
    healthy = label.condition == HEALTHY
    if label.verdict == "watch":
        alarms.take_in_hand(session, principal, machine, comment=label.reason)
    elif label.verdict == "fixed":
        closed = _close(session, principal, machine, analysis, "fixed", label.reason)
    elif healthy and (analysis.verdict == "anomalous" or label.verdict == "dismiss"):
        closed = _dismiss(session, principal, machine, analysis, label.reason)
        training.ask(session, "baseline", machine=machine, requested_by=principal.user_id)
    elif label.condition is not None and not healthy:
        analysis.learnable = False
        if label.verdict == "correct":
            alarms.correct_condition(session, principal, machine, analysis.id, label.condition)
    if label.condition is not None:
        training.ask(session, "head", machine=None, requested_by=principal.user_id)
    return closed


def _dismiss(
    session: Session, principal: Principal, machine: Machine, analysis: Analysis, reason: str | None
) -> list[int]:
    """A false alarm ends, and what was kept from learning because of it is given back."""
    start = end = analysis.heard_at
    since = alarms.open_since(session, machine.id)
    closed = _close(session, principal, machine, analysis, "dismissed", reason)
    if closed and since is not None:
        start, end = min(start, since - NEAR_ALARM), max(end, utc_now())
    learning.set_learnable(session, machine.id, start=start, end=end, learnable=True)
    faults = label_queries.faults_between(session, machine.id, start=start, end=end, healthy=HEALTHY)
    for fault in faults:
        session.get_one(Analysis, fault).learnable = False
    return closed


def _close(
    session: Session,
    principal: Principal,
    machine: Machine,
    analysis: Analysis,
    kind: alarms.ClosedBy,
    reason: str | None,
) -> list[int]:
    """Close the open alarms if the result is about them: one of last month says nothing of today's alarm."""
    since = alarms.open_since(session, machine.id)
    if since is None or analysis.heard_at < since - NEAR_ALARM:
        return []
    closed = alarms.close_alarms(session, principal, machine, kind=kind, reason=reason)
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)
    return [alarm.id for alarm in closed]
