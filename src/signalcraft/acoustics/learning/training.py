"""Training in the worker: asked for by a row, done once, its progress told live."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from celery import current_app
from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics.learning import heads, label_queries, refitting
from signalcraft.acoustics.learning.models import TrainingRun
from signalcraft.acoustics.learning.schemas import RunOut
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit, unit_of_work
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

Kind = Literal["baseline", "head"]
LEASE = timedelta(seconds=120)
"""A run takes seconds; a worker that needs this long is gone."""
SWEEP_WAIT = timedelta(seconds=30)
"""How long a run that was queued again has before the next sweep doubts it too."""
PATIENCE = timedelta(hours=1)
"""A run that takes its worker down each time must not do so for ever."""
GATHERING = timedelta(seconds=30)
"""People label several results in a row: the head is trained once for all of them."""


def ask(session: Session, kind: Kind, *, machine: Machine | None, requested_by: int | None) -> TrainingRun:
    """Ask for training; one that waits already does for this request too."""
    waiting = label_queries.pending_run(session, kind, machine.id if machine else None)
    if waiting is not None:
        return waiting
    now = utc_now()
    run = TrainingRun(
        kind=kind,
        machine_id=machine.id if machine else None,
        requested_by=requested_by,
        requested_at=now,
        claimable_at=now + (GATHERING if kind == "head" else SWEEP_WAIT),
        state="queued",
        progress=0.0,
    )
    session.add(run)
    session.flush()
    run_id = run.id
    if kind == "baseline":  # a head waits for the sweeper, and with it for the labels that follow
        after_commit(session, lambda: queue(run_id))
    _tell(session, run, machine)
    return run


def queue(run_id: int) -> None:
    """A hint that the row wants work; the sweeper gives it again if it is lost."""
    current_app.send_task("acoustics.train", args=[run_id])


def work_on(run_id: int) -> None:
    """Do the run unless another worker has it or it is finished."""
    with unit_of_work() as session:
        run = label_queries.claim_run(session, run_id, now=utc_now(), lease=LEASE)
        if run is None:
            return
        _tell(session, run, _machine(session, run))
    try:
        with unit_of_work() as session:
            outcome = _train(session, run, lambda share: _progress(run_id, share))
            _finish(session, run_id, "done", outcome)
    except Exception:
        log.exception("training_failed", run_id=run_id)
        with unit_of_work() as session:
            _finish(session, run_id, "failed", {"reason": "error"})


def sweep(session: Session) -> None:
    """Queue again what waits longer than it should; end what was tried for too long."""
    now = utc_now()
    for run in label_queries.take_overdue_runs(session, now=now, wait=SWEEP_WAIT):
        if now - run.requested_at > PATIENCE:
            _finish(session, run.id, "failed", {"reason": "gave_up"})
        else:
            after_commit(session, lambda run_id=run.id: queue(run_id))  # type: ignore[misc]


def _train(session: Session, run: TrainingRun, progress: Callable[[float], None]) -> dict[str, Any]:
    if run.kind == "head":
        return heads.train(session, progress)
    if run.machine_id is None:
        raise ValueError("a baseline run needs a machine")
    machine = queries.lock_machine(session, run.machine_id)
    return refitting.refit_machine(session, machine, progress)


def _progress(run_id: int, share: float) -> None:
    """In a transaction of its own: people see it before the run is done."""
    with unit_of_work() as session:
        run = session.get_one(TrainingRun, run_id)
        run.progress = share
        _tell(session, run, _machine(session, run))


def _finish(session: Session, run_id: int, state: str, outcome: dict[str, Any]) -> None:
    run = session.get_one(TrainingRun, run_id)
    run.state, run.progress, run.finished_at, run.outcome = state, 1.0, utc_now(), outcome
    _tell(session, run, _machine(session, run))
    log.info("trained", run_id=run_id, kind=run.kind, state=state, **outcome)


def _machine(session: Session, run: TrainingRun) -> Machine | None:
    return session.get(Machine, run.machine_id) if run.machine_id is not None else None


def _tell(session: Session, run: TrainingRun, machine: Machine | None) -> None:
    """People of the machine's shop see its runs; those of a head concern administrators."""
    session.flush()
    emit(
        session,
        "training.progress",
        {"machine_id": run.machine_id, "run": RunOut.of(run).model_dump(mode="json")},
        shop_id=machine.shop_id if machine else None,
    )
