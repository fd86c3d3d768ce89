"""Tables of what was learned, from what, and who decided that it may judge."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base

STANDINGS = ("shadow", "active", "retired", "dropped")
"""shadow: tried on past clips, judges nothing. active: judges. retired: judged once, succeeded by another.
dropped: never judged."""
VERDICTS = ("confirm", "correct", "dismiss", "watch", "fixed")
RUN_STATES = ("queued", "running", "done", "failed")


class Baseline(Base):
    """What one machine sounds like when healthy, in one run state: arrays of the detector in `detector`."""

    __tablename__ = "baselines"
    __table_args__ = (
        CheckConstraint("kind IN ('own', 'model')", name="kind"),
        CheckConstraint(f"status IN {STANDINGS}", name="status"),
        Index("uq_baselines_machine_version", "machine_id", "version", unique=True),
        Index("ix_baselines_active", "machine_id", "run_state", postgresql_where=text("status = 'active'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    version: Mapped[int]
    run_state: Mapped[str] = mapped_column(server_default="running")
    kind: Mapped[str] = mapped_column(server_default="own")
    """`model`: pooled from other machines of the same model; serves until the machine has its own."""
    status: Mapped[str] = mapped_column(server_default="active")
    features: Mapped[str]
    detector: Mapped[str]
    arrays: Mapped[bytes] = mapped_column(LargeBinary(), deferred=True)
    """Some 300 KB, read when they are asked for: whoever judges by a baseline keeps them (`fitting.load`)."""
    clips: Mapped[int]
    """How many clips it was made from."""
    made_from: Mapped[dict[str, Any]]
    """`clips`: the clips' ids in the order given to the detector, so that it can be made again."""
    figures: Mapped[dict[str, Any] | None]
    """How it did on past clips beside the one before it."""
    decision: Mapped[dict[str, Any] | None]
    """Who or which rule made it active or dropped it, when and why."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StateModel(Base):
    """How one machine sounds in its run states; the newest one is used."""

    __tablename__ = "state_models"
    __table_args__ = (Index("uq_state_models_machine_version", "machine_id", "version", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    version: Mapped[int]
    features: Mapped[str]
    method: Mapped[str]
    arrays: Mapped[bytes] = mapped_column(LargeBinary(), deferred=True)
    clips: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Label(Base):
    """What a person said of a result. Rows are only added: the newest one of a result holds, all are kept."""

    __tablename__ = "labels"
    __table_args__ = (
        CheckConstraint(f"verdict IN {VERDICTS}", name="verdict"),
        Index("ix_labels_machine", "machine_id", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    analysis_id: Mapped[UUID] = mapped_column(ForeignKey("analyses.id"), index=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    verdict: Mapped[str]
    condition: Mapped[str | None]
    """What it truly was; `healthy` where nothing was wrong, None where the verdict does not say."""
    reason: Mapped[str | None]
    result: Mapped[dict[str, Any]]
    """What the person had before them: verdict, condition, state, ratio and the versions behind them."""


class Head(Base):
    """A classifier of conditions, trained on people's labels of all machines."""

    __tablename__ = "heads"
    __table_args__ = (
        CheckConstraint(f"status IN {STANDINGS}", name="status"),
        Index("uq_heads_version", "version", unique=True),
        Index("uq_heads_active", "status", unique=True, postgresql_where=text("status = 'active'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="shadow")
    method: Mapped[str]
    features: Mapped[str]
    arrays: Mapped[bytes] = mapped_column(LargeBinary())
    figures: Mapped[dict[str, Any]]
    made_from: Mapped[dict[str, Any]]
    decision: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TrainingRun(Base):
    """Work of the worker that somebody asked for or that fell due: a row first, then a place in the queue."""

    __tablename__ = "training_runs"
    __table_args__ = (
        CheckConstraint("kind IN ('baseline', 'head')", name="kind"),
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        Index(
            "ix_training_runs_pending",
            "claimable_at",
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[datetime]
    claimable_at: Mapped[datetime]
    """A worker moves it ahead (its lease); the sweeper queues again what stands still."""
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any] | None]
    """What came of it: the new versions and what became of them, or why there is none."""
