"""What people teach: labels on results, and what becomes of the models that are made from them."""

from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from signalcraft.acoustics.learning import decisions, labels
from signalcraft.acoustics.learning.schemas import (
    BaselineAnswer,
    ConditionList,
    ConditionOut,
    DecisionIn,
    FormerResultList,
    HeadAnswer,
    HeadList,
    LabelAnswer,
    LabelIn,
    LabelList,
    MachineModels,
    RunAnswer,
)
from signalcraft.api.access import principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import service as fleet
from signalcraft.ratelimits.policy import limited
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "learning",
    __name__,
    url_prefix="/api",
    abp_tags=[Tag(name="Learning", description="Labels, and the models that are made from them.")],
    abp_responses=PROBLEM_RESPONSES,
)


class AnalysisPath(BaseModel):
    analysis_id: UUID


class MachinePath(BaseModel):
    machine_id: RowId


class BaselinePath(BaseModel):
    baseline_id: RowId


class HeadPath(BaseModel):
    head_id: RowId


class LabelsQuery(BaseModel):
    limit: int = Field(100, ge=1, le=500)


@blueprint.get("/conditions", responses={200: ConditionList})
@user("fleet.read")
def conditions() -> Response:
    """What can be wrong with a machine, in words for its owner, and what to do first."""
    return json_answer(ConditionList(conditions=ConditionOut.all()))


@blueprint.post("/analyses/<uuid:analysis_id>/labels", responses={201: LabelAnswer})
@user("label.write")
def add_label(path: AnalysisPath, body: LabelIn) -> Response:
    """Confirm, correct or dismiss a result, watch it, or say it is fixed; what follows happens at once."""
    with unit_of_work() as session:
        label, closed = labels.add(session, principal(), path.analysis_id, body)
    return json_answer(LabelAnswer(label=label, alarms_closed=closed), 201)


@blueprint.get("/analyses/<uuid:analysis_id>/labels", responses={200: LabelList})
@user("fleet.read")
def analysis_labels(path: AnalysisPath) -> Response:
    """What people have said of a result, newest first; nothing is ever deleted."""
    with unit_of_work() as session:
        found = labels.of_analysis(session, principal(), path.analysis_id)
    return json_answer(LabelList(labels=found))


@blueprint.get("/analyses/<uuid:analysis_id>/former", responses={200: FormerResultList})
@user("fleet.read")
def former_results(path: AnalysisPath) -> Response:
    """What an analysis said before its stored sound was judged anew, newest first."""
    with unit_of_work() as session:
        found = decisions.former_results(session, principal(), path.analysis_id)
    return json_answer(FormerResultList(former=found))


@blueprint.get("/machines/<int:machine_id>/labels", responses={200: LabelList})
@user("fleet.read")
def machine_labels(path: MachinePath, query: LabelsQuery) -> Response:
    """What people have said of a machine's results, newest first."""
    with unit_of_work() as session:
        machine = fleet.get_machine(session, principal(), path.machine_id)
        found = labels.of_machine(session, machine.id, limit=query.limit)
    return json_answer(LabelList(labels=found))


@blueprint.get("/machines/<int:machine_id>/models", responses={200: MachineModels})
@user("fleet.read")
def machine_models(path: MachinePath) -> Response:
    """What judges a machine, what is being tried beside it, and what came before; newest first."""
    with unit_of_work() as session:
        machine = fleet.get_machine(session, principal(), path.machine_id)
        found = decisions.models_of(session, machine)
    return json_answer(found)


@blueprint.post("/machines/<int:machine_id>/relearn", responses={202: RunAnswer})
@user("model.decide")
@limited("analysis")
def relearn(path: MachinePath) -> Response:
    """Learn the machine's baselines anew from its newest healthy clips; the worker does it."""
    with unit_of_work() as session:
        machine = fleet.get_machine(session, principal(), path.machine_id)
        run = decisions.relearn(session, principal(), machine)
    return json_answer(RunAnswer(run=run), 202)


@blueprint.post("/baselines/<int:baseline_id>/decision", responses={200: BaselineAnswer})
@user("model.decide")
def decide_baseline(path: BaselinePath, body: DecisionIn) -> Response:
    """Let a baseline judge from now on, or drop it from its trial."""
    with unit_of_work() as session:
        baseline = decisions.decide_baseline(session, principal(), path.baseline_id, body)
    return json_answer(BaselineAnswer(baseline=baseline))


@blueprint.get("/heads", responses={200: HeadList})
@user("fleet.read")
def list_heads() -> Response:
    """The classifiers that people's labels have trained, newest first."""
    with unit_of_work() as session:
        found = decisions.list_heads(session)
    return json_answer(found)


@blueprint.post("/heads/train", responses={202: RunAnswer})
@user("model.decide", everywhere=True)
@limited("analysis")
def train_head() -> Response:
    """Train a classifier on the labels there are now; the worker does it. Administrators only."""
    with unit_of_work() as session:
        run = decisions.train_head(session, principal())
    return json_answer(RunAnswer(run=run), 202)


@blueprint.post("/heads/<int:head_id>/decision", responses={200: HeadAnswer})
@user("model.decide", everywhere=True)
def decide_head(path: HeadPath, body: DecisionIn) -> Response:
    """Let a classifier have a say for all machines, or drop it. Administrators only."""
    with unit_of_work() as session:
        head = decisions.decide_head(session, principal(), path.head_id, body)
    return json_answer(HeadAnswer(head=head))
