"""Analyses as people and programs see them: in answers and in live events."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.bilingual import Text

Verdict = Literal["normal", "anomalous", "learning", "not_assessable"]
State = Literal["queued", "decoding", "features", "scoring", "done", "failed"]
RunState = Literal["off", "starting", "running", "stopping", "defrost", "door_open", "unknown"]


class AnalysisSummary(BaseModel):
    """What was found in one clip. Scores: higher is more anomalous; `ratio` is score over limit."""

    id: UUID
    clip_id: UUID
    state: State
    verdict: Verdict | None
    reasons: list[str] = Field(description="Why a clip is not assessable or could not be analysed.")
    score: float | None
    limit: float | None = Field(description="Score that healthy clips of this machine stay under.")
    ratio: float | None
    tail_probability: float | None = Field(
        description="How rarely a healthy clip scores this high (upper bound)."
    )
    condition: str | None = Field(description="What is wrong, most probably; a name of `/api/conditions`.")
    run_state: RunState | None = Field(description="What the machine was doing; null if nobody asked.")
    summary: Text | None
    measured_at: datetime | None
    received_at: datetime
    finished_at: datetime | None
    synthetic: bool

    @classmethod
    def of(cls, analysis: Analysis, clip: Clip) -> "AnalysisSummary":
        return cls(**summary_fields(analysis, clip))


class Versions(BaseModel):
    """Everything that made the result."""

    features: str | None
    state: str | None
    detector: str | None
    baseline: int | None = Field(description="Identifier of the machine's baseline that was used.")
    diagnosis: str | None
    head: int | None = Field(description="Identifier of the trained classifier that had a say.")
    decision: str | None


class EvidenceOut(BaseModel):
    """One observation's say about one condition."""

    indicator: str
    delta: float = Field(description="Against the machine's baseline, in `unit`.")
    unit: str
    deviations: float = Field(description="The same in standard deviations of the healthy clips.")
    weight: float = Field(description="Positive speaks for the condition.")
    text: Text


class ConditionFound(BaseModel):
    condition: str
    title: Text
    urgency: str
    probability: float
    evidence: list[EvidenceOut]


class DiagnosisOut(BaseModel):
    """Which conditions explain the sound; the probabilities add up to 1 with `unknown_anomaly`."""

    method: str
    conditions: list[ConditionFound]


class BandOut(BaseModel):
    """A range of frequencies that differs from the machine's healthy clips."""

    low_hz: float
    high_hz: float
    delta_db: float
    deviations: float
    kind: Literal["level", "variation"]


class LineOut(BaseModel):
    """A tone that differs: `order` times the frequency of its source."""

    hz: float
    delta_db: float
    deviations: float
    source: Literal["hum", "shaft", "fan"]
    order: float


class MomentOut(BaseModel):
    """When in the clip something stands out."""

    start_s: float
    end_s: float
    delta_db: float
    deviations: float


class ExplanationOut(BaseModel):
    """What differs from the machine's baseline, the most striking first, and what to do next."""

    bands: list[BandOut] = []
    lines: list[LineOut] = []
    moments: list[MomentOut] = []
    scorers: dict[str, float] = Field(
        default={}, description="What each part of the detector says, standardised on healthy clips."
    )
    advice: Text | None = None


class StateOut(BaseModel):
    """What the machine was doing, how surely, and what spoke for it."""

    run_state: RunState
    probability: float | None
    probabilities: dict[str, float]
    evidence: dict[str, float]


class TailInterval(BaseModel):
    low: float
    high: float


class AnalysisDetail(AnalysisSummary):
    machine_id: int | None
    heard_in: StateOut | None
    surroundings: dict[str, Any] | None = Field(description="What the sensors said at the time.")
    quality: dict[str, Any] | None
    tail_interval: TailInterval | None = Field(description="95 % interval of `tail_probability`.")
    diagnosis: DiagnosisOut | None
    explanation: ExplanationOut | None
    decision: dict[str, Any] | None = Field(description="What it meant for the alarm, with those before.")
    nearest_clip_id: UUID | None = Field(description="The healthy clip that it resembles most.")
    versions: Versions
    revision: int = Field(description="Counts up when the stored sound is judged anew.")
    attempts: int

    @classmethod
    def of(cls, analysis: Analysis, clip: Clip) -> "AnalysisDetail":
        return cls(
            **summary_fields(analysis, clip),
            machine_id=analysis.machine_id,
            heard_in=_heard_in(analysis),
            surroundings=analysis.surroundings,
            quality=analysis.quality,
            tail_interval=_tail(analysis),
            diagnosis=analysis.diagnosis,
            explanation=analysis.explanation,
            decision=analysis.decision,
            nearest_clip_id=analysis.nearest_clip_id,
            versions=Versions(
                features=analysis.feature_version,
                state=analysis.state_version,
                detector=analysis.detector,
                baseline=analysis.baseline_id,
                diagnosis=(analysis.diagnosis or {}).get("method"),
                head=analysis.head_id,
                decision=analysis.decision_version,
            ),
            revision=analysis.revision,
            attempts=analysis.attempts,
        )


class BaselineProgress(BaseModel):
    """How far a machine's baseline is: `needed` clips make the first one."""

    state: Literal["learning", "ready"]
    clips: int
    needed: int
    version: int | None


def _heard_in(analysis: Analysis) -> StateOut | None:
    if analysis.run_state is None:
        return None
    told = analysis.state_evidence or {}
    return StateOut.model_validate(
        {
            "run_state": analysis.run_state,
            "probability": analysis.state_probability,
            "probabilities": told.get("probabilities", {}),
            "evidence": told.get("evidence", {}),
        }
    )


def _tail(analysis: Analysis) -> TailInterval | None:
    if analysis.tail_low is None or analysis.tail_high is None:
        return None
    return TailInterval(low=analysis.tail_low, high=analysis.tail_high)


def summary_fields(analysis: Analysis, clip: Clip) -> dict[str, Any]:
    ratio = (
        analysis.score / analysis.score_limit if analysis.score is not None and analysis.score_limit else None
    )
    return {
        "id": analysis.id,
        "clip_id": clip.id,
        "state": analysis.state,
        "verdict": analysis.verdict,
        "reasons": analysis.reasons or [],
        "score": analysis.score,
        "limit": analysis.score_limit,
        "ratio": ratio,
        "tail_probability": analysis.tail_probability,
        "condition": analysis.condition,
        "run_state": analysis.run_state,
        "summary": analysis.summary,
        "measured_at": clip.measured_at,
        "received_at": clip.received_at,
        "finished_at": analysis.finished_at,
        "synthetic": clip.synthetic,
    }
