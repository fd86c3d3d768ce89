"""Tables of sound and what was found in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base

NEW_ID = text("uuidv7()")
"""PostgreSQL 18's time-ordered UUID: not guessable by counting, and kind to the index."""


class Clip(Base):
    """A piece of sound whose bytes are in the object store under `object_key`."""

    __tablename__ = "clips"
    __table_args__ = (
        CheckConstraint("source IN ('node', 'upload')", name="source"),
        # A clip sent again with its time is the same clip; without a time (old firmware) nothing can tell.
        Index("uq_clips_device_digest", "device_id", "measured_at", "sha256", unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    device_id: Mapped[int | None] = mapped_column(Integer(), ForeignKey("devices.id"))
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    source: Mapped[str]
    measured_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    object_key: Mapped[str] = mapped_column(unique=True)
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary())
    sample_rate_hz: Mapped[int | None]
    duration_s: Mapped[float | None]
    segment_samples: Mapped[int | None]
    """Set where the clip was joined from fragments of that many samples that are not contiguous in time."""
    synthetic: Mapped[bool] = mapped_column(server_default=text("false"))
    request_id: Mapped[str | None]


class ClipFragment(Base):
    """A piece too short to analyse (old firmware sends 64 ms), waiting for its successors."""

    __tablename__ = "clip_fragments"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(Integer(), ForeignKey("devices.id"), index=True)
    received_at: Mapped[datetime]
    sample_rate_hz: Mapped[int]
    pcm: Mapped[bytes] = mapped_column(LargeBinary())


ANALYSIS_STATES = ("queued", "decoding", "features", "scoring", "done", "failed")


class Analysis(Base):
    """One analysis of one clip: the job while it runs, the result when it is done.

    A worker claims the row by moving `claimable_at` ahead (its lease) and counts `attempts`; the sweeper
    queues again every row that is not final and whose `claimable_at` has passed.
    """

    __tablename__ = "analyses"
    __table_args__ = (
        CheckConstraint(f"state IN {ANALYSIS_STATES}", name="state"),
        CheckConstraint("verdict IN ('normal', 'anomalous', 'learning', 'not_assessable')", name="verdict"),
        Index(
            "ix_analyses_pending", "claimable_at", postgresql_where=text("state NOT IN ('done', 'failed')")
        ),
        Index("ix_analyses_machine_heard", "machine_id", "heard_at"),
        Index("ix_analyses_learnable", "machine_id", "heard_at", postgresql_where=text("learnable")),
        Index("ix_analyses_clip", "clip_id"),
        Index(
            "ix_analyses_nearest_clip",
            "nearest_clip_id",
            postgresql_where=text("nearest_clip_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=NEW_ID)
    clip_id: Mapped[UUID] = mapped_column(ForeignKey("clips.id"))
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    heard_at: Mapped[datetime]
    """When the sound was made, as well as we know: measured_at, else received_at."""
    state: Mapped[str] = mapped_column(server_default="queued")
    claimable_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    reasons: Mapped[list[Any] | None]
    """Why a clip is not assessable or failed: words such as `silent`, `clipped`, `too_short`."""
    feature_version: Mapped[str | None]
    features: Mapped[list[float] | None] = mapped_column(ARRAY(REAL()))
    surroundings: Mapped[dict[str, Any] | None]
    """What else was known at the time, as the state and the diagnosis were told."""
    run_state: Mapped[str | None]
    state_version: Mapped[str | None]
    state_probability: Mapped[float | None]
    state_evidence: Mapped[dict[str, Any] | None]
    baseline_id: Mapped[int | None] = mapped_column(ForeignKey("baselines.id"))
    detector: Mapped[str | None]
    score: Mapped[float | None]
    score_limit: Mapped[float | None]
    tail_probability: Mapped[float | None]
    tail_low: Mapped[float | None]
    tail_high: Mapped[float | None]
    """The interval that the tail probability lies in, 95 %."""
    grave: Mapped[bool | None]
    condition: Mapped[str | None]
    diagnosis: Mapped[dict[str, Any] | None]
    """Conditions with probability and evidence, the most probable first, and the version that found them."""
    head_id: Mapped[int | None] = mapped_column(ForeignKey("heads.id"))
    """The trained classifier that had a say."""
    nearest_clip_id: Mapped[UUID | None] = mapped_column(ForeignKey("clips.id"))
    """The healthy clip of this machine that it resembles most: to be heard beside it."""
    decision: Mapped[dict[str, Any] | None]
    """What the clip meant for the machine's alarm together with those before it; only of the node's sound."""
    decision_version: Mapped[str | None]
    learnable: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether a baseline of its run state may learn from it: the node's, assessable, not grave, and not heard
    near an open alarm."""
    quality: Mapped[dict[str, Any] | None]
    explanation: Mapped[dict[str, Any] | None]
    summary: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    """Counts up each time the stored sound is judged anew; what was said before is in `former_results`."""


class FormerResult(Base):
    """What an analysis said before the stored sound was judged anew. Never changed."""

    __tablename__ = "former_results"
    __table_args__ = (Index("uq_former_results_revision", "analysis_id", "revision", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    analysis_id: Mapped[UUID] = mapped_column(ForeignKey("analyses.id"))
    revision: Mapped[int]
    replaced_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reason: Mapped[str]
    result: Mapped[dict[str, Any]]
    """Every column of the result but the feature vector: that can be made again from sound and version."""
