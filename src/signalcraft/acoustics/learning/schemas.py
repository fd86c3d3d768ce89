"""Labels and models as people and programs see them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.acoustics.learning.models import Baseline, Head, Label, StateModel, TrainingRun
from signalcraft.acoustics.models import FormerResult
from signalcraft.anomaly.diagnosis.conditions import CONDITIONS
from signalcraft.bilingual import Text
from signalcraft.texts import Comment

LabelVerdict = Literal["confirm", "correct", "dismiss", "watch", "fixed"]
Standing = Literal["shadow", "active", "retired", "dropped"]
HEALTHY = "healthy"
"""The condition of a machine that nothing is wrong with, in labels."""


class LabelIn(BaseModel):
    """confirm: the result is right. correct: it is `condition` instead. dismiss: nothing is wrong, a false
    alarm. watch: somebody keeps an eye on it. fixed: what it said was repaired.
    """

    model_config = ConfigDict(extra="forbid")

    verdict: LabelVerdict
    condition: str | None = Field(
        None, max_length=64, description="With `correct`, else left out; a name of `/api/conditions`."
    )
    reason: Comment | None = None


class LabelOut(BaseModel):
    id: int
    analysis_id: UUID
    machine_id: int
    author: str
    at: datetime
    verdict: LabelVerdict
    condition: str | None = Field(description="What it truly was; `healthy` where nothing was wrong.")
    reason: str | None
    superseded: bool = Field(description="A later label of the same result holds instead.")
    result: dict[str, Any] = Field(description="What the person had before them.")

    @classmethod
    def of(cls, label: Label, author: str, *, superseded: bool) -> "LabelOut":
        return cls(
            id=label.id,
            analysis_id=label.analysis_id,
            machine_id=label.machine_id,
            author=author,
            at=label.at,
            verdict=label.verdict,
            condition=label.condition,
            reason=label.reason,
            superseded=superseded,
            result=label.result,
        )


class LabelAnswer(BaseModel):
    success: Literal[True] = True
    label: LabelOut
    alarms_closed: list[int] = Field(description="Identifiers of the alarms that this label closed.")


class LabelList(BaseModel):
    success: Literal[True] = True
    labels: list[LabelOut]


class ConditionOut(BaseModel):
    name: str
    title: Text
    advice: Text
    urgency: str

    @classmethod
    def all(cls) -> list["ConditionOut"]:
        return [
            cls(name=one.name, title=Text(**one.title), advice=Text(**one.first), urgency=one.urgency)
            for one in CONDITIONS.values()
        ]


class ConditionList(BaseModel):
    success: Literal[True] = True
    conditions: list[ConditionOut]


class BaselineOut(BaseModel):
    """What a machine sounds like in one run state, by one fit."""

    id: int
    version: int
    run_state: str
    kind: Literal["own", "model"] = Field(
        description="`model`: pooled from machines of the same model until the machine has its own."
    )
    status: Standing
    features: str
    detector: str
    clips: int
    created_at: datetime
    figures: dict[str, Any] | None = Field(description="How it did on past clips beside the one before.")
    decision: dict[str, Any] | None = Field(description="Who or which rule decided, when and why.")

    @classmethod
    def of(cls, baseline: Baseline) -> "BaselineOut":
        return cls.model_validate(baseline, from_attributes=True)


class StateModelOut(BaseModel):
    id: int
    version: int
    method: str
    features: str
    clips: int
    created_at: datetime

    @classmethod
    def of(cls, model: StateModel) -> "StateModelOut":
        return cls.model_validate(model, from_attributes=True)


class RunOut(BaseModel):
    """Work of the worker that was asked for or fell due."""

    id: int
    kind: Literal["baseline", "head"]
    machine_id: int | None
    requested_at: datetime
    state: Literal["queued", "running", "done", "failed"]
    progress: float = Field(description="Share that is behind it, 0 to 1.")
    finished_at: datetime | None
    outcome: dict[str, Any] | None

    @classmethod
    def of(cls, run: TrainingRun) -> "RunOut":
        return cls.model_validate(run, from_attributes=True)


class RunAnswer(BaseModel):
    success: Literal[True] = True
    run: RunOut


class MachineModels(BaseModel):
    """What judges a machine, what is being tried beside it, and what came before; newest first."""

    success: Literal[True] = True
    baselines: list[BaselineOut]
    state_model: StateModelOut | None
    runs: list[RunOut]


class BaselineAnswer(BaseModel):
    success: Literal[True] = True
    baseline: BaselineOut


class HeadOut(BaseModel):
    """A classifier of conditions, trained on people's labels of all machines."""

    id: int
    version: int
    status: Standing
    method: str
    features: str
    created_at: datetime
    figures: dict[str, Any]
    made_from: dict[str, Any]
    decision: dict[str, Any] | None

    @classmethod
    def of(cls, head: Head) -> "HeadOut":
        return cls.model_validate(head, from_attributes=True)


class HeadList(BaseModel):
    success: Literal[True] = True
    heads: list[HeadOut]
    runs: list[RunOut]
    labels: int = Field(description="Results that people have named a condition of, to learn from.")
    needed: int = Field(description="Labels of a condition that it takes to learn it; of two at least.")


class HeadAnswer(BaseModel):
    success: Literal[True] = True
    head: HeadOut


class FormerResultOut(BaseModel):
    """What an analysis said before its stored sound was judged anew."""

    revision: int
    replaced_at: datetime
    reason: str
    result: dict[str, Any]

    @classmethod
    def of(cls, row: FormerResult) -> "FormerResultOut":
        return cls.model_validate(row, from_attributes=True)


class FormerResultList(BaseModel):
    success: Literal[True] = True
    former: list[FormerResultOut]


class DecisionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    decision: Literal["promote", "drop"]
    reason: Comment | None = None
