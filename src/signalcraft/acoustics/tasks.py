"""What the worker does for sound."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task

from signalcraft.acoustics import queries, reception
from signalcraft.acoustics.analysis import give_up, work_on
from signalcraft.acoustics.learning import refitting, training
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings
from signalcraft.storage import objects
from signalcraft.telemetry import retention

log = get_logger(__name__)

SWEEP_WAIT = timedelta(seconds=30)
"""How long a message that was queued again has before the next sweep doubts it too."""
LIMIT_SECONDS = 10
"""The longest sound we accept takes 4 s. With the 5 s until it is ended by force, within the lease."""
SWEEP_LIMIT = 500
"""Rows a sweep takes: the next one is seconds away."""
PROBED_KEPT = timedelta(hours=1)
"""Long enough to look into why a journey failed."""
PROBED_LIMIT = 1000
"""An hour has 120; after a standstill the next runs take the rest."""
ORPHAN_AGE = timedelta(hours=2)
"""Sound older than this without a row belongs to no transaction that could still commit."""


@shared_task(  # type: ignore[untyped-decorator]
    name="acoustics.analyse", bind=True, soft_time_limit=LIMIT_SECONDS, time_limit=LIMIT_SECONDS + 5
)
def analyse(self: Any, analysis_id: str) -> None:
    """Analyse one clip; harmless when done twice."""
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    work_on(UUID(analysis_id), redelivered=redelivered)


@shared_task(name="acoustics.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Queue again what a lost queue or a dead worker left unfinished; end what fails each time."""
    with unit_of_work() as session:
        overdue = queries.take_overdue(session, now=utc_now(), wait=SWEEP_WAIT, limit=SWEEP_LIMIT)
        for analysis in overdue:
            reception.queue_message(session, analysis.id, analysis.request_id)
        if overdue:
            log.warning("analyses_queued_again", count=len(overdue))
        hopeless = queries.exhausted(session, now=utc_now())
        training.sweep(session)
    for analysis_id, clip in hopeless:
        with unit_of_work() as session:
            give_up(session, analysis_id, clip)


@shared_task(name="acoustics.train")  # type: ignore[untyped-decorator]
def train(run_id: int) -> None:
    """Do one training run; harmless when done twice."""
    training.work_on(run_id)


@shared_task(name="acoustics.refit")  # type: ignore[untyped-decorator]
def refit() -> None:
    """Follow the drift of machines whose baselines are a day old."""
    made = refitting.refit_due()
    if made:
        log.info("baselines_refitted", count=made)


@shared_task(name="acoustics.join_waiting_fragments")  # type: ignore[untyped-decorator]
def join_waiting_fragments() -> None:
    """Make clips of pieces that have waited long enough for successors."""
    oldest = utc_now() - timedelta(seconds=get_settings().fragment_wait_seconds)
    with unit_of_work() as session:
        waiting = queries.devices_with_fragments_before(session, oldest)
    for device_id in waiting:
        with unit_of_work() as session:
            device = session.get_one(Device, device_id)
            machine = session.get_one(Machine, device.machine_id)
            reception.join_fragments(session, device, synthetic=machine.synthetic)


@shared_task(name="acoustics.forget_probed")  # type: ignore[untyped-decorator]
def forget_probed() -> None:
    """Delete what the system's own visitors sent: sound, analyses, readings."""
    before = utc_now() - PROBED_KEPT
    with unit_of_work() as session:
        retention.forget_probed(session, before)
        clips = queries.probed_clips(session, before=before, limit=PROBED_LIMIT)
        queries.delete_clips(session, [clip_id for clip_id, _ in clips])
    for _, key in clips:
        objects.delete(key)


@shared_task(name="acoustics.sweep_objects")  # type: ignore[untyped-decorator]
def sweep_objects() -> None:
    """Remove sound whose row was never committed."""
    moment = utc_now() - ORPHAN_AGE
    for hours in range(24):
        folder = f"clips/{moment - timedelta(hours=hours):%Y/%m/%d/%H}"
        keys = objects.keys_under(folder)
        with unit_of_work() as session:
            orphans = set(keys) - queries.known_object_keys(session, keys)
        for key in orphans:
            objects.delete(key)
        if orphans:
            log.warning("orphan_sound_removed", folder=folder, count=len(orphans))
