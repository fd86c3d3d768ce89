"""All SQL of sound and its analyses."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, any_, delete, exists, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, load_only

from signalcraft.accounts.models import User
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment
from signalcraft.fleet.models import Device, Machine

FINAL = ("done", "failed")
MAX_ATTEMPTS = 5
"""A clip that takes its worker down each time must not do so for ever."""
FURTHEST = timedelta(seconds=60)
"""Nothing is put off for longer. What seems to be was put off by a clock that has been set back since."""


# --- clips and fragments


def clip_sent_before(session: Session, device_id: int, measured_at: datetime, sha256: bytes) -> Clip | None:
    """The same sound of the same moment, if it was received already.

    The advisory lock makes a node that sends again before it was answered wait for the first request.
    """
    session.execute(select(func.pg_advisory_xact_lock(text("'clips'::regclass::int"), device_id)))
    return session.scalar(
        select(Clip).where(
            Clip.device_id == device_id, Clip.measured_at == measured_at, Clip.sha256 == sha256
        )
    )


def lock_device_fragments(session: Session, device_id: int) -> Sequence[ClipFragment]:
    """The waiting pieces of a device in order; whoever joins them first takes them all.

    The advisory lock makes two pieces that arrive at once take turns.
    """
    session.execute(select(func.pg_advisory_xact_lock(text("'clip_fragments'::regclass::int"), device_id)))
    return session.scalars(
        select(ClipFragment).where(ClipFragment.device_id == device_id).order_by(ClipFragment.id)
    ).all()


def delete_fragments(session: Session, ids: Sequence[int]) -> None:
    session.execute(delete(ClipFragment).where(ClipFragment.id.in_(ids)))


def probed_clips(session: Session, *, before: datetime, limit: int) -> Sequence[Row[UUID, str]]:
    """(id, object key) of clips that the system's own visitors sent earlier."""
    node = select(Device.id).join(Machine, Machine.id == Device.machine_id).where(Machine.probe)
    person = select(User.id).where(User.probe)
    statement = select(Clip.id, Clip.object_key).where(
        or_(Clip.device_id.in_(node), Clip.uploaded_by.in_(person)), Clip.received_at < before
    )
    return session.execute(statement.limit(limit)).all()


def delete_clips(session: Session, ids: Sequence[UUID]) -> None:
    """Delete clips of which nothing but their analyses speaks."""
    session.execute(delete(Analysis).where(Analysis.clip_id.in_(ids)))
    session.execute(delete(Clip).where(Clip.id.in_(ids)))


def devices_with_fragments_before(session: Session, moment: datetime) -> Sequence[int]:
    return session.scalars(
        select(ClipFragment.device_id)
        .group_by(ClipFragment.device_id)
        .having(func.min(ClipFragment.received_at) < moment)
    ).all()


def known_object_keys(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of the keys belong to a clip: as one array, since a fleet makes more in an hour than a statement
    may have parameters.
    """
    array = literal(list(keys), ARRAY(Clip.object_key.type))
    return set(session.scalars(select(Clip.object_key).where(Clip.object_key == any_(array))))


# --- jobs


def claim(
    session: Session, analysis_id: UUID, *, now: datetime, lease: timedelta, redelivered: bool
) -> tuple[Analysis, Clip] | None:
    """Take the analysis for this worker, or None where another one has it or it is finished.

    A message that the queue delivers again belongs to a worker that died: its lease need not run out.
    """
    free: ColumnElement[bool] = Analysis.state == "queued"
    if redelivered:
        free = Analysis.state.not_in(FINAL)
    claimed = session.execute(
        update(Analysis)
        .where(
            Analysis.id == analysis_id,
            Clip.id == Analysis.clip_id,
            Analysis.attempts < MAX_ATTEMPTS,
            free,
        )
        .values(state="decoding", attempts=Analysis.attempts + 1, claimable_at=now + lease)
        .returning(Analysis, Clip)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if claimed is None else (claimed[0], claimed[1])


def put_back(session: Session, analysis_id: UUID, *, until: datetime) -> None:
    """Let the sweeper queue it again later, as if this attempt had not been."""
    session.execute(
        update(Analysis)
        .where(Analysis.id == analysis_id, Analysis.state.not_in(FINAL))
        .values(state="queued", attempts=Analysis.attempts - 1, claimable_at=until)
    )


def set_state(session: Session, analysis_id: UUID, state: str) -> None:
    session.execute(
        update(Analysis).where(Analysis.id == analysis_id, Analysis.state.not_in(FINAL)).values(state=state)
    )


def lock_unfinished(session: Session, analysis_id: UUID) -> Analysis | None:
    """The row for writing its result, or None where somebody else was first: each result is shown once."""
    return session.scalar(
        select(Analysis)
        .where(Analysis.id == analysis_id, Analysis.state.not_in(FINAL))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(Analysis.claimable_at <= now, Analysis.claimable_at > now + FURTHEST)


def take_overdue(session: Session, *, now: datetime, wait: timedelta, limit: int) -> Sequence[Analysis]:
    """Unfinished analyses whose queue message or worker was lost, set back to `queued`."""
    overdue = (
        select(Analysis.id)
        .where(
            Analysis.state.not_in(FINAL),
            _is_due(now),
            Analysis.attempts < MAX_ATTEMPTS,
        )
        .order_by(Analysis.claimable_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(
        update(Analysis)
        .where(Analysis.id.in_(overdue))
        .values(state="queued", claimable_at=now + wait)
        .returning(Analysis)
    ).all()


def exhausted(session: Session, *, now: datetime) -> Sequence[tuple[UUID, Clip]]:
    """Unfinished analyses that have failed too often, with their clips."""
    rows = session.execute(
        select(Analysis.id, Clip)
        .join(Clip, Clip.id == Analysis.clip_id)
        .where(
            Analysis.state.not_in(FINAL),
            _is_due(now),
            Analysis.attempts >= MAX_ATTEMPTS,
        )
    )
    return [(analysis_id, clip) for analysis_id, clip in rows]


# --- machines: what was heard


def lock_machine(session: Session, machine_id: int) -> Machine:
    """The machine, locked: results of one machine are written one after the other."""
    return session.scalars(select(Machine).where(Machine.id == machine_id).with_for_update()).one()


def states_before(
    session: Session, machine_id: int, *, since: datetime, until: datetime, limit: int
) -> Sequence[Row[datetime, str | None]]:
    """(heard_at, run state) of the node's clips in [since, until), the newest ones, newest first."""
    return session.execute(
        select(Analysis.heard_at, Analysis.run_state)
        .where(
            Analysis.machine_id == machine_id,
            Analysis.heard_at >= since,
            Analysis.heard_at < until,
            Analysis.requested_by.is_(None),
            Analysis.run_state.is_not(None),
        )
        .order_by(Analysis.heard_at.desc())
        .limit(limit)
    ).all()


def recent_assessed(
    session: Session, machine_id: int, *, until: datetime, limit: int, finished_after: datetime | None = None
) -> Sequence[Analysis]:
    """The newest scored analyses of the node's sound up to a moment, newest first, without features and
    explanations.

    finished_after: only those that were judged later, and always the newest.
    """
    rows = session.scalars(
        select(Analysis)
        .where(
            *_scored(machine_id),
            Analysis.heard_at <= until,
        )
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
        .options(
            load_only(
                Analysis.heard_at,
                Analysis.finished_at,
                Analysis.verdict,
                Analysis.score,
                Analysis.score_limit,
                Analysis.tail_probability,
                Analysis.tail_high,
                Analysis.grave,
                Analysis.condition,
                Analysis.baseline_id,
            )
        )
    ).all()
    if finished_after is None:
        return rows
    return [
        row
        for place, row in enumerate(rows)
        if place == 0 or (row.finished_at is not None and row.finished_at > finished_after)
    ]


def is_newest(session: Session, machine_id: int, heard_at: datetime) -> bool:
    return not session.scalar(
        select(
            exists().where(
                *_scored(machine_id),
                Analysis.heard_at > heard_at,
            )
        )
    )


def _scored(machine_id: int) -> tuple[ColumnElement[bool], ...]:
    """What alarms are decided on; a file that a person compares with it says nothing of a machine's state."""
    return (
        Analysis.machine_id == machine_id,
        Analysis.state == "done",
        Analysis.verdict.in_(("normal", "anomalous")),
        Analysis.requested_by.is_(None),
    )


def machines(session: Session, machine_id: int | None) -> Sequence[Machine]:
    """All machines, or the one of that number."""
    statement = select(Machine).order_by(Machine.id)
    if machine_id is not None:
        statement = statement.where(Machine.id == machine_id)
    return session.scalars(statement).all()


def finished_ids(session: Session, machine_id: int, *, since: datetime | None) -> Sequence[UUID]:
    """The machine's finished analyses in the order of recording."""
    statement = (
        select(Analysis.id)
        .where(Analysis.machine_id == machine_id, Analysis.state == "done")
        .order_by(Analysis.heard_at, Analysis.id)
    )
    if since is not None:
        statement = statement.where(Analysis.heard_at >= since)
    return session.scalars(statement).all()


# --- reading for people


def analysis_with_clip(session: Session, analysis_id: UUID) -> tuple[Analysis, Clip] | None:
    row = session.execute(
        select(Analysis, Clip).join(Clip, Clip.id == Analysis.clip_id).where(Analysis.id == analysis_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def machine_analyses(
    session: Session, machine_id: int, *, limit: int, before: datetime | None
) -> Sequence[Row[Analysis, Clip]]:
    """Finished analyses of a machine, newest sound first."""
    statement = (
        select(Analysis, Clip)
        .join(Clip, Clip.id == Analysis.clip_id)
        .where(Analysis.machine_id == machine_id, Analysis.state.in_(FINAL))
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Analysis.heard_at < before)
    return session.execute(statement).all()
