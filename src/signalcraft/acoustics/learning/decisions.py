"""What people see of models, and decide about those on trial."""

from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.acoustics import service
from signalcraft.acoustics.learning import heads, label_queries, queries, refitting, training
from signalcraft.acoustics.learning.models import Baseline, Head
from signalcraft.acoustics.learning.schemas import (
    BaselineOut,
    DecisionIn,
    FormerResultOut,
    HeadList,
    HeadOut,
    MachineModels,
    RunOut,
    StateModelOut,
)
from signalcraft.acoustics.queries import lock_machine
from signalcraft.anomaly.diagnosis import learned_v1
from signalcraft.audit import service as audit
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.fleet.models import Machine
from signalcraft.realtime.publish import emit

SHOWN = 20
"""Models and runs that a page shows; older ones are history."""


def models_of(session: Session, machine: Machine) -> MachineModels:
    """What judges a machine and what is on trial. The caller has checked who asks."""
    state_model = queries.newest_state_model(session, machine.id, features=FEATURES)
    runs = label_queries.runs(session, kind="baseline", machine_id=machine.id, limit=5)
    return MachineModels(
        baselines=[BaselineOut.of(row) for row in queries.baselines_of(session, machine.id, limit=SHOWN)],
        state_model=None if state_model is None else StateModelOut.of(state_model),
        runs=[RunOut.of(run) for run in runs],
    )


def former_results(session: Session, principal: Principal, analysis_id: UUID) -> list[FormerResultOut]:
    """What the analysis said before its sound was judged anew, newest first.

    Raises
    ------
    NotFoundError
        There is no such analysis, or it is not theirs to see.
    """
    service.get_analysis(session, principal, analysis_id)
    return [FormerResultOut.of(row) for row in queries.former_results(session, analysis_id)]


def relearn(session: Session, principal: Principal, machine: Machine) -> RunOut:
    """Ask the worker to learn a machine's baselines anew now.

    Raises
    ------
    ForbiddenError
        Their role may not decide about models.
    """
    principal.require("model.decide", machine.shop_id)
    return RunOut.of(training.ask(session, "baseline", machine=machine, requested_by=principal.user_id))


def decide_baseline(
    session: Session, principal: Principal, baseline_id: int, wanted: DecisionIn
) -> BaselineOut:
    """Let a baseline judge, or drop it from its trial.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is none that they may see, or their role may not decide.
    ConflictError
        It judges already, was made for other features, or is not on trial.
    """
    baseline = session.get(Baseline, baseline_id)
    if baseline is None:
        raise NotFoundError("There is no such baseline.")
    machine = lock_machine(session, baseline.machine_id)
    principal.require("model.decide", machine.shop_id)
    session.refresh(baseline)
    _require_open(baseline, wanted)
    if wanted.decision == "promote":
        refitting.promote(session, baseline, person=principal.username, reason=wanted.reason)
    else:
        refitting.decide(baseline, "dropped", person=principal.username, reason=wanted.reason)
    session.flush()
    audit.record(
        session,
        "baseline.decided",
        user_id=principal.user_id,
        subject=f"baseline:{baseline.id}",
        shop_id=machine.shop_id,
        detail={"decision": wanted.decision, "machine": machine.id},
    )
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)
    return BaselineOut.of(baseline)


def list_heads(session: Session) -> HeadList:
    """The trained classifiers, and the work on the next one."""
    return HeadList(
        heads=[HeadOut.of(head) for head in queries.heads(session, limit=SHOWN)],
        runs=[RunOut.of(run) for run in label_queries.runs(session, kind="head", machine_id=None, limit=5)],
        labels=label_queries.count_labelled(session),
        needed=learned_v1.MIN_EXAMPLES,
    )


def train_head(session: Session, principal: Principal) -> RunOut:
    """Ask the worker to train a classifier on the labels there are now; administrators only."""
    principal.require_everywhere("model.decide")
    return RunOut.of(training.ask(session, "head", machine=None, requested_by=principal.user_id))


def decide_head(session: Session, principal: Principal, head_id: int, wanted: DecisionIn) -> HeadOut:
    """Let a classifier have a say for all machines, or drop it; administrators only.

    Raises
    ------
    NotFoundError
        There is no such classifier.
    ForbiddenError
        They are no administrator: it judges every shop's machines.
    ConflictError
        It judges already, was made for other features, or is not on trial.
    """
    principal.require_everywhere("model.decide")
    head = session.get(Head, head_id, with_for_update=True)
    if head is None:
        raise NotFoundError("There is no such classifier.")
    _require_open(head, wanted)
    if wanted.decision == "promote":
        heads.promote(session, head, person=principal.username, reason=wanted.reason)
    else:
        refitting.decide(head, "dropped", person=principal.username, reason=wanted.reason)
    session.flush()
    detail = {"decision": wanted.decision}
    audit.record(session, "head.decided", user_id=principal.user_id, subject=f"head:{head.id}", detail=detail)
    return HeadOut.of(head)


def _require_open(model: Baseline | Head, wanted: DecisionIn) -> None:
    if model.status == "active":
        raise ConflictError("It judges already; promote another one to replace it.")
    if model.features != FEATURES:
        raise ConflictError("It was made from features that are no longer extracted.")
    if wanted.decision == "drop" and model.status != "shadow":
        raise ConflictError("It is not on trial any more.")
