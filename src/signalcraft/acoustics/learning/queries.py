"""All SQL of what is learned: clips to learn from, baselines, state models, heads."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, func, lateral, or_, select, true, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from signalcraft.acoustics.learning.label_queries import holding_labels
from signalcraft.acoustics.learning.models import Baseline, Head, StateModel
from signalcraft.acoustics.models import Analysis, FormerResult
from signalcraft.alarms.models import Alarm
from signalcraft.anomaly import drift
from signalcraft.fleet.models import Machine

HeardClip = Row[UUID, UUID, datetime, list[float] | None, dict[str, Any] | None, dict[str, Any] | None]
"""Analysis, clip, when it was heard, its features, its surroundings, its quality."""


# --- clips to learn from


def learnable_clips(
    session: Session, machine_id: int, run_state: str, *, feature_version: str, limit: int
) -> Sequence[HeardClip]:
    """The newest clips to learn from in one run state, newest first."""
    return session.execute(
        _clips()
        .where(*_learnable(machine_id, run_state, feature_version))
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    ).all()


def learnable_clips_between(
    session: Session,
    machine_id: int,
    run_state: str,
    *,
    feature_version: str,
    start: datetime,
    end: datetime,
    limit: int,
) -> Sequence[HeardClip]:
    """At most so many clips to learn from, spread evenly over those heard in that time, oldest first."""
    within = Analysis.heard_at.between(start, end)
    ids = session.scalars(
        select(Analysis.id)
        .where(*_learnable(machine_id, run_state, feature_version), within)
        .order_by(Analysis.heard_at, Analysis.id)
    ).all()
    wanted = [ids[place] for place in drift.spread(len(ids), limit)]
    return session.execute(
        _clips().where(Analysis.id.in_(wanted)).order_by(Analysis.heard_at, Analysis.id)
    ).all()


def count_learnable(
    session: Session, machine_id: int, run_state: str, *, feature_version: str, enough: int
) -> int:
    """How many clips there are to learn from, counted up to `enough`."""
    wanted = _learnable(machine_id, run_state, feature_version)
    counted = select(Analysis.id).where(*wanted).limit(enough).subquery()
    return session.scalar(select(func.count()).select_from(counted)) or 0


def count_learnable_since(
    session: Session,
    machine_id: int,
    run_state: str,
    *,
    feature_version: str,
    since: datetime,
    until: datetime,
) -> int:
    """How many clips to learn from were heard later than the one, and not later than the other."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Analysis)
            .where(
                *_learnable(machine_id, run_state, feature_version),
                Analysis.heard_at > since,
                Analysis.heard_at <= until,
            )
        )
        or 0
    )


def learnable_counts(
    session: Session, machine_ids: Sequence[int], run_state: str, *, feature_version: str, enough: int
) -> Mapping[int, int]:
    """How many clips to learn from each machine has, counted up to `enough`."""
    if not machine_ids:
        return {}
    wanted = _learnable(Machine.id, run_state, feature_version)
    counted = lateral(select(Analysis.id).where(*wanted).limit(enough)).alias("counted")
    rows = session.execute(
        select(Machine.id, func.count(counted.c.id))
        .select_from(Machine)
        .outerjoin(counted, true())
        .where(Machine.id.in_(machine_ids))
        .group_by(Machine.id)
    )
    return {row[0]: row[1] for row in rows}


def clips_of_node(
    session: Session, machine_id: int, *, feature_version: str, limit: int
) -> Sequence[HeardClip]:
    """The newest assessable clips of the machine's node in whatever state, newest first; none that was heard
    while an alarm was open: a fault is no state of the machine's own.
    """
    return session.execute(
        _clips()
        .where(*_of_node(machine_id, feature_version))
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    ).all()


def count_clips_of_node(session: Session, machine_id: int, *, feature_version: str, enough: int) -> int:
    """How many of these clips there are, counted up to `enough`."""
    counted = select(Analysis.id).where(*_of_node(machine_id, feature_version)).limit(enough).subquery()
    return session.scalar(select(func.count()).select_from(counted)) or 0


def _of_node(machine_id: int, feature_version: str) -> tuple[ColumnElement[bool], ...]:
    alarmed = exists().where(
        Alarm.machine_id == machine_id,
        Alarm.raised_at <= Analysis.heard_at,
        or_(Alarm.cleared_at.is_(None), Alarm.cleared_at > Analysis.heard_at),
    )
    return (
        ~alarmed,
        Analysis.machine_id == machine_id,
        Analysis.state == "done",
        Analysis.requested_by.is_(None),
        Analysis.feature_version == feature_version,
        Analysis.features.is_not(None),
    )


def judged_clips(
    session: Session, machine_id: int, run_state: str, *, feature_version: str, limit: int
) -> Sequence[Row[UUID, list[float] | None, str | None, bool]]:
    """The newest judged clips of a state: (analysis, features, condition as people say, whether an alarm that
    nobody dismissed was raised on it).
    """
    holding = holding_labels().subquery()
    raised = and_(Analysis.decision["action"].astext == "raise", Analysis.learnable.is_(False))
    return session.execute(
        select(
            Analysis.id,
            Analysis.features,
            holding.c.condition,
            func.coalesce(raised, False).label("raised"),
        )
        .outerjoin(holding, holding.c.analysis_id == Analysis.id)
        .where(
            Analysis.machine_id == machine_id,
            Analysis.run_state == run_state,
            Analysis.feature_version == feature_version,
            Analysis.verdict.in_(("normal", "anomalous")),
            Analysis.requested_by.is_(None),
        )
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    ).all()


def states_with_clips(session: Session, machine_id: int, *, feature_version: str) -> Sequence[str]:
    """In which run states the machine has clips to learn from."""
    rows = session.scalars(
        select(Analysis.run_state)
        .where(
            Analysis.machine_id == machine_id,
            Analysis.learnable,
            Analysis.feature_version == feature_version,
            Analysis.run_state.not_in(("unknown", "off")),
        )
        .distinct()
        .order_by(Analysis.run_state)
    )
    return [state for state in rows if state is not None]


def newest_sum(session: Session, machine_id: int) -> float:
    """What the machine's newest clips added up to when the last of them was decided on."""
    newest = session.scalar(
        select(Analysis.decision["sum"].as_float())
        .where(
            Analysis.machine_id == machine_id,
            Analysis.verdict.in_(("normal", "anomalous")),
            Analysis.requested_by.is_(None),
            Analysis.decision.is_not(None),
        )
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(1)
    )
    return newest or 0.0


def unjudged(session: Session, analysis_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Which of these no detector has judged, or none that knew their state."""
    open_still = or_(Analysis.verdict == "learning", Analysis.run_state == "unknown")
    return session.scalars(select(Analysis.id).where(Analysis.id.in_(analysis_ids), open_still)).all()


def set_states(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write estimates anew on clips that nothing was judged by: rows of `id` and columns."""
    if rows:
        session.execute(update(Analysis), list(rows))


def set_learnable(
    session: Session, machine_id: int, *, start: datetime, end: datetime, learnable: bool
) -> int:
    """Give or take the clips of a range of time; how many that were. Only what a detector judged is given."""
    changed = session.execute(
        update(Analysis)
        .where(
            Analysis.machine_id == machine_id,
            Analysis.heard_at.between(start, end),
            Analysis.requested_by.is_(None),
            Analysis.learnable.is_not(learnable),
            *((Analysis.verdict.in_(("normal", "anomalous")),) if learnable else ()),
        )
        .values(learnable=learnable)
        .returning(Analysis.id)
    )
    return len(changed.all())


def _clips() -> Any:
    return select(
        Analysis.id,
        Analysis.clip_id,
        Analysis.heard_at,
        Analysis.features,
        Analysis.surroundings,
        Analysis.quality,
    )


def _learnable(machine_id: Any, run_state: str, feature_version: str) -> tuple[ColumnElement[bool], ...]:
    """Before a machine's states are learned, what cannot be told counts as heard while it ran."""
    states: ColumnElement[bool] = Analysis.run_state == run_state
    if run_state == "running":
        learned = exists().where(
            StateModel.machine_id == Analysis.machine_id, StateModel.features == feature_version
        )
        states = or_(states, and_(Analysis.run_state == "unknown", ~learned))
    return (
        Analysis.machine_id == machine_id,
        Analysis.learnable.is_(True),
        Analysis.state == "done",
        Analysis.feature_version == feature_version,
        Analysis.features.is_not(None),
        states,
    )


# --- baselines


def active_baseline(
    session: Session, machine_id: int, run_state: str, *, features: str | None = None
) -> Baseline | None:
    """What judges clips of this state: the machine's own baseline before one of its model."""
    statement = (
        select(Baseline)
        .where(
            Baseline.machine_id == machine_id, Baseline.run_state == run_state, Baseline.status == "active"
        )
        .order_by((Baseline.kind == "own").desc(), Baseline.version.desc())
        .limit(1)
    )
    if features is not None:
        statement = statement.where(Baseline.features == features)
    return session.scalar(statement)


def clips_of(session: Session, baseline_ids: Collection[int | None]) -> Mapping[int | None, int]:
    """Baseline to the number of clips it was made from."""
    statement = select(Baseline.id, Baseline.clips).where(Baseline.id.in_(baseline_ids))
    return {row.id: row.clips for row in session.execute(statement)}


def newest_version(session: Session, machine_id: int) -> int:
    """The highest version of any of the machine's baselines; 0 where it has none."""
    return session.scalar(select(func.max(Baseline.version)).where(Baseline.machine_id == machine_id)) or 0


def baselines_of(session: Session, machine_id: int, *, limit: int) -> Sequence[Baseline]:
    return session.scalars(
        select(Baseline)
        .where(Baseline.machine_id == machine_id)
        .order_by(Baseline.version.desc())
        .limit(limit)
    ).all()


def standing_of(
    session: Session, machine_id: int, run_state: str, status: str, *, features: str
) -> Sequence[Baseline]:
    """The machine's baselines of a state that are active, or on trial, and so on."""
    return session.scalars(
        select(Baseline).where(
            Baseline.machine_id == machine_id,
            Baseline.run_state == run_state,
            Baseline.status == status,
            Baseline.features == features,
        )
    ).all()


def judging(session: Session, machine_id: int, *, features: str) -> Sequence[Baseline]:
    """The machine's baselines of every state that judge, or are tried."""
    return session.scalars(
        select(Baseline)
        .where(
            Baseline.machine_id == machine_id,
            Baseline.status.in_(("active", "shadow")),
            Baseline.features == features,
        )
        .order_by(Baseline.version)
    ).all()


def baseline_facts(
    session: Session, machine_ids: Sequence[int], *, run_state: str, features: str
) -> Mapping[int, tuple[int, int]]:
    """(version, clips) of each machine's own active baseline."""
    rows = session.execute(
        select(Baseline.machine_id, Baseline.version, Baseline.clips)
        .ext(distinct_on(Baseline.machine_id))
        .where(
            Baseline.machine_id.in_(machine_ids),
            Baseline.run_state == run_state,
            Baseline.status == "active",
            Baseline.kind == "own",
            Baseline.features == features,
        )
        .order_by(Baseline.machine_id, Baseline.version.desc())
    )
    return {machine_id: (version, clips) for machine_id, version, clips in rows}


def due_for_refit(session: Session, *, features: str, before: datetime) -> Sequence[tuple[int, str]]:
    """(machine, run state) of the own active baselines whose newest attempt is older than that."""
    rows = session.execute(
        select(Baseline.machine_id, Baseline.run_state)
        .where(Baseline.features == features, Baseline.kind == "own")
        .group_by(Baseline.machine_id, Baseline.run_state)
        .having(func.max(Baseline.created_at) < before)
        .having(func.bool_or(Baseline.status == "active"))
        .order_by(Baseline.machine_id, Baseline.run_state)
    )
    return [(machine_id, run_state) for machine_id, run_state in rows]


def model_siblings(
    session: Session, machine: Machine, run_state: str, *, features: str, limit: int
) -> Sequence[int]:
    """Machines of the same model that have a baseline of their own in this state."""
    return session.scalars(
        select(Machine.id)
        .join(Baseline, Baseline.machine_id == Machine.id)
        .where(
            func.lower(Machine.model) == func.lower(machine.model),
            Machine.id != machine.id,
            Machine.synthetic.is_(machine.synthetic),
            Baseline.run_state == run_state,
            Baseline.kind == "own",
            Baseline.status == "active",
            Baseline.features == features,
        )
        .distinct()
        .order_by(Machine.id)
        .limit(limit)
    ).all()


def former_results(session: Session, analysis_id: UUID) -> Sequence[FormerResult]:
    return session.scalars(
        select(FormerResult)
        .where(FormerResult.analysis_id == analysis_id)
        .order_by(FormerResult.revision.desc())
    ).all()


# --- state models and heads


def newest_state_model(session: Session, machine_id: int, *, features: str) -> StateModel | None:
    return session.scalar(
        select(StateModel)
        .where(StateModel.machine_id == machine_id, StateModel.features == features)
        .order_by(StateModel.version.desc())
        .limit(1)
    )


def newest_state_version(session: Session, machine_id: int) -> int:
    newest = select(func.max(StateModel.version)).where(StateModel.machine_id == machine_id)
    return session.scalar(newest) or 0


def active_head(session: Session, *, features: str) -> Head | None:
    return session.scalar(select(Head).where(Head.status == "active", Head.features == features))


def heads(session: Session, *, limit: int) -> Sequence[Head]:
    return session.scalars(select(Head).order_by(Head.version.desc()).limit(limit)).all()


def heads_standing(session: Session, status: str) -> Sequence[Head]:
    return session.scalars(select(Head).where(Head.status == status)).all()


def newest_head_version(session: Session) -> int:
    return session.scalar(select(func.max(Head.version))) or 0
