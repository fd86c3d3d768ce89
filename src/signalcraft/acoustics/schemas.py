"""Analyses as people and programs see them: in answers and in live events."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.bilingual import Text

Verdict = Literal["normal", "anomalous", "learning", "not_assessable"]
State = Literal["queued", "decoding", "features", "scoring", "done", "failed"]


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
    condition: str | None
    summary: Text | None
    measured_at: datetime | None
    received_at: datetime
    finished_at: datetime | None
    synthetic: bool

    @classmethod
    def of(cls, analysis: Analysis, clip: Clip) -> "AnalysisSummary":
        return cls(**summary_fields(analysis, clip))


class Versions(BaseModel):
    features: str | None
    detector: str | None
    baseline: int | None = Field(description="Identifier of the machine's baseline that was used.")


class AnalysisDetail(AnalysisSummary):
    machine_id: int | None
    quality: dict[str, Any] | None
    explanation: dict[str, Any] | None
    versions: Versions
    attempts: int

    @classmethod
    def of(cls, analysis: Analysis, clip: Clip) -> "AnalysisDetail":
        return cls(
            **summary_fields(analysis, clip),
            machine_id=analysis.machine_id,
            quality=analysis.quality,
            explanation=analysis.explanation,
            versions=Versions(
                features=analysis.feature_version,
                detector=analysis.detector,
                baseline=analysis.baseline_id,
            ),
            attempts=analysis.attempts,
        )


class BaselineProgress(BaseModel):
    """How far a machine's baseline is: `needed` clips make the first one."""

    state: Literal["learning", "ready"]
    clips: int
    needed: int
    version: int | None


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
        "summary": analysis.summary,
        "measured_at": clip.measured_at,
        "received_at": clip.received_at,
        "finished_at": analysis.finished_at,
        "synthetic": clip.synthetic,
    }
