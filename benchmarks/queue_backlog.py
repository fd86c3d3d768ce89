"""How workers with other settings do a backlog, and what a crash of them costs, for `queue_decision`.

The backlog is of clips that are stored already: their rows are put back to `queued`, so that nothing but the
worker works.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from time import monotonic, sleep
from uuid import UUID

from celery import current_app
from sqlalchemy import func, select, update

from benchmarks.queue_arms import WorkerSettings, start_worker
from signalcraft.acoustics.models import Analysis
from signalcraft.acoustics.queries import FINAL
from signalcraft.acoustics.reception import QUEUE_WAIT
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.settings import Settings

NODE, PERSON = 6, 3
"""Priorities of a node's clip and of a person's upload (`acoustics/reception.py`)."""
WARM_UP = 8
LOOK_S = 0.05
PATIENCE_S = 90.0
LONG = timedelta(minutes=10)


@dataclass(frozen=True)
class Backlog:
    """What a worker did with a backlog of nodes' clips, while a person uploaded now and then."""

    worker: str
    clips_per_s: float
    cpu_ms_per_clip: float
    memory_mb: float
    person_waits_s: float
    """Median from the person's message to the diagnosis."""


@dataclass(frozen=True)
class WorkerCrash:
    """SIGKILL of all of a worker's processes within a backlog; it is started again at once.

    unfinished: accepted clips without an analysis at that moment. whole_after_s: until the last of them had
    one, with the worker's start. repeated: how many were claimed a second time.
    """

    worker: str
    unfinished: int
    whole_after_s: float | None
    repeated: int


def do_backlog(settings: Settings, wanted: WorkerSettings, ids: Sequence[UUID], people: int) -> Backlog:
    """Of the analyses the first are the nodes', the last `people` the person's."""
    of_nodes, of_person = ids[:-people], ids[-people:]
    worker = start_worker(settings, wanted)
    try:
        _queue(ids[:WARM_UP], NODE, LONG)
        _wait(ids[:WARM_UP])
        cpu = worker.cpu_seconds
        _put_back(of_person, LONG)
        _queue(of_nodes, NODE, LONG)
        began, waits = utc_now(), []
        for analysis_id in of_person:
            sent = utc_now()
            _send([analysis_id], PERSON)
            _wait([analysis_id])
            waits.append((_finished([analysis_id])[0] - sent).total_seconds())
        _wait(of_nodes)
        span = (max(_finished(ids)) - began).total_seconds()
        return Backlog(
            worker=wanted.name,
            clips_per_s=len(ids) / span,
            cpu_ms_per_clip=1000 * (worker.cpu_seconds - cpu) / len(ids),
            memory_mb=worker.memory_bytes / 1e6,
            person_waits_s=median(waits),
        )
    finally:
        worker.stop()


def crash(settings: Settings, wanted: WorkerSettings, ids: Sequence[UUID]) -> WorkerCrash:
    """Kill the worker when a quarter of the backlog is done."""
    worker = start_worker(settings, wanted)
    try:
        _queue(ids[:WARM_UP], NODE, LONG)
        _wait(ids[:WARM_UP])
        _queue(ids, NODE, QUEUE_WAIT)
        while len(_finished(ids)) < len(ids) / 4:
            sleep(LOOK_S)
        worker.kill()
        killed, unfinished = utc_now(), len(ids) - len(_finished(ids))
        worker = start_worker(settings, wanted)
        whole = _wait(ids)
        return WorkerCrash(
            worker=wanted.name,
            unfinished=unfinished,
            whole_after_s=(max(_finished(ids)) - killed).total_seconds() if whole else None,
            repeated=_claimed_again(ids),
        )
    finally:
        worker.stop()


def newest_analyses(number: int) -> list[UUID]:
    """Of clips that nodes sent and whose result is there."""
    with unit_of_work() as session:
        found = session.scalars(
            select(Analysis.id)
            .where(Analysis.state == "done", Analysis.machine_id.is_not(None))
            .order_by(Analysis.created_at.desc())
            .limit(number)
        )
        return list(found)


def unfinished_since(moment: datetime) -> int:
    """Clips accepted since then that have no analysis yet."""
    with unit_of_work() as session:
        return session.scalars(
            select(func.count())
            .select_from(Analysis)
            .where(Analysis.created_at >= moment, Analysis.state.not_in(FINAL))
        ).one()


def _queue(ids: Sequence[UUID], priority: int, wait: timedelta) -> None:
    _put_back(ids, wait)
    _send(ids, priority)


def _put_back(ids: Sequence[UUID], wait: timedelta) -> None:
    """wait: how long the sweeper leaves them alone."""
    with unit_of_work() as session:
        session.execute(
            update(Analysis)
            .where(Analysis.id.in_(ids))
            .values(state="queued", attempts=0, finished_at=None, claimable_at=utc_now() + wait)
        )


def _send(ids: Sequence[UUID], priority: int) -> None:
    for analysis_id in ids:
        current_app.send_task("acoustics.analyse", args=[str(analysis_id)], priority=priority)


def _finished(ids: Sequence[UUID]) -> list[datetime]:
    with unit_of_work() as session:
        found = session.scalars(
            select(Analysis.finished_at).where(Analysis.id.in_(ids), Analysis.state.in_(FINAL))
        )
        return [moment for moment in found if moment is not None]


def _claimed_again(ids: Sequence[UUID]) -> int:
    with unit_of_work() as session:
        return session.scalars(
            select(func.count()).select_from(Analysis).where(Analysis.id.in_(ids), Analysis.attempts > 1)
        ).one()


def _wait(ids: Sequence[UUID]) -> bool:
    """Until all are final; whether they are, within the patience."""
    deadline = monotonic() + PATIENCE_S
    while len(_finished(ids)) < len(ids):
        if monotonic() > deadline:
            return False
        sleep(LOOK_S)
    return True
