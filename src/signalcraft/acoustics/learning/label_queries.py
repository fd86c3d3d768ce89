"""All SQL of people's labels and of the training that follows from them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Float, Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from signalcraft.accounts.models import User
from signalcraft.acoustics.learning.models import Baseline, Label, TrainingRun
from signalcraft.acoustics.models import Analysis

UNFINISHED = ("queued", "running")


def labels(
    session: Session, *, analysis_id: UUID | None, machine_id: int | None, limit: int
) -> Sequence[tuple[Label, str, bool]]:
    """Labels of a result or of a machine, newest first: (label, author, whether a later one holds)."""
    newest = func.max(Label.id).over(partition_by=Label.analysis_id)
    statement = (
        select(Label, User.username, (newest != Label.id).label("superseded"))
        .join(User, User.id == Label.author_id)
        .order_by(Label.at.desc(), Label.id.desc())
        .limit(limit)
    )
    if analysis_id is not None:
        statement = statement.where(Label.analysis_id == analysis_id)
    if machine_id is not None:
        statement = statement.where(Label.machine_id == machine_id)
    return [(label, author, superseded) for label, author, superseded in session.execute(statement)]


def holding_labels() -> Select[*tuple[UUID, str | None]]:
    """The label that holds of each result that one says a condition of."""
    return (
        select(Label.analysis_id, Label.condition)
        .ext(distinct_on(Label.analysis_id))
        .where(Label.condition.is_not(None))
        .order_by(Label.analysis_id, Label.id.desc())
    )


def labelled_clips(
    session: Session, *, feature_version: str, limit: int
) -> Sequence[tuple[Analysis, str, Baseline]]:
    """Judged results that people have named the condition of, newest first: (result, condition, baseline)."""
    holding = holding_labels().subquery()
    rows = session.execute(
        select(Analysis, holding.c.condition, Baseline)
        .join(holding, holding.c.analysis_id == Analysis.id)
        .join(Baseline, Baseline.id == Analysis.baseline_id)
        .where(
            Analysis.feature_version == feature_version,
            Analysis.features.is_not(None),
            Baseline.features == feature_version,
        )
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    )
    return [(analysis, condition, baseline) for analysis, condition, baseline in rows]


def anomalous_clips(
    session: Session, *, feature_version: str, limit: int
) -> Sequence[tuple[Analysis, Baseline]]:
    """The newest results of all machines that are not normal."""
    rows = session.execute(
        select(Analysis, Baseline)
        .join(Baseline, Baseline.id == Analysis.baseline_id)
        .where(
            Analysis.feature_version == feature_version,
            Analysis.verdict == "anomalous",
            Baseline.features == feature_version,
        )
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    )
    return [(analysis, baseline) for analysis, baseline in rows]


def count_labelled(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(holding_labels().subquery())) or 0


def dismissed(
    session: Session, machine_id: int, *, since: datetime
) -> Sequence[Row[str | None, float | None]]:
    """(condition as found, ratio) of the unusual results that people have called healthy since then."""
    holding = (
        select(Label.analysis_id, Label.condition, Label.at, Label.result)
        .ext(distinct_on(Label.analysis_id))
        .where(Label.machine_id == machine_id, Label.condition.is_not(None))
        .order_by(Label.analysis_id, Label.id.desc())
        .subquery()
    )
    return session.execute(
        select(holding.c.result["condition"].astext, holding.c.result["ratio"].astext.cast(Float)).where(
            holding.c.condition == "healthy",
            holding.c.at >= since,
            holding.c.result["verdict"].astext == "anomalous",
        )
    ).all()


def faults_between(
    session: Session, machine_id: int, *, start: datetime, end: datetime, healthy: str
) -> Sequence[UUID]:
    """Results in that time that people hold for a true fault."""
    holding = holding_labels().subquery()
    return session.scalars(
        select(Analysis.id)
        .join(holding, holding.c.analysis_id == Analysis.id)
        .where(
            Analysis.machine_id == machine_id,
            Analysis.heard_at.between(start, end),
            holding.c.condition != healthy,
        )
    ).all()


# --- training runs


def pending_run(session: Session, kind: str, machine_id: int | None) -> TrainingRun | None:
    """The one that waits already: what was asked for since is done with it."""
    return session.scalar(
        select(TrainingRun)
        .where(
            TrainingRun.kind == kind,
            TrainingRun.state == "queued",
            TrainingRun.machine_id.is_not_distinct_from(machine_id),
        )
        .limit(1)
    )


def claim_run(session: Session, run_id: int, *, now: datetime, lease: timedelta) -> TrainingRun | None:
    """Take the run for this worker; None where another has it or it is finished."""
    return session.scalar(
        update(TrainingRun)
        .where(TrainingRun.id == run_id, TrainingRun.state == "queued")
        .values(state="running", claimable_at=now + lease)
        .returning(TrainingRun)
    )


def take_overdue_runs(session: Session, *, now: datetime, wait: timedelta) -> Sequence[TrainingRun]:
    """Unfinished runs whose queue message or worker was lost, set back to `queued`."""
    return session.scalars(
        update(TrainingRun)
        .where(TrainingRun.state.in_(UNFINISHED), TrainingRun.claimable_at <= now)
        .values(state="queued", claimable_at=now + wait)
        .returning(TrainingRun)
    ).all()


def runs(session: Session, *, kind: str, machine_id: int | None, limit: int) -> Sequence[TrainingRun]:
    """Newest first; machine_id None: those of no single machine."""
    return session.scalars(
        select(TrainingRun)
        .where(TrainingRun.kind == kind, TrainingRun.machine_id.is_not_distinct_from(machine_id))
        .order_by(TrainingRun.id.desc())
        .limit(limit)
    ).all()
