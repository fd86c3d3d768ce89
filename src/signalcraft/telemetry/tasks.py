"""What the worker does for readings."""

from time import monotonic
from typing import Literal

from celery import shared_task

from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.telemetry import partitions, presence, retention, rollups
from signalcraft.telemetry.thresholds import following

log = get_logger(__name__)


ROLL_SECONDS = 60.0
"""After so long the next run goes on: another task may be waiting for the worker."""


@shared_task(name="telemetry.maintain_partitions")  # type: ignore[untyped-decorator]
def maintain_partitions() -> None:
    """Have a table ready for each of the next days, and drop what is old enough."""
    with unit_of_work() as session:
        created = partitions.ensure(session) + partitions.ensure_months(session)
    if created:
        log.info("partitions_created", names=created)
    dropped = retention.drop_old()
    if dropped:
        log.info("partitions_dropped", names=dropped)
    with unit_of_work() as session:
        forgotten = retention.forget_old_records(session)
    if forgotten:
        log.info("records_forgotten", count=forgotten)


@shared_task(name="telemetry.roll_up")  # type: ignore[untyped-decorator]
def roll_up() -> None:
    """Bring minutes, hours and days up to date; harmless when two do it."""
    until = monotonic() + ROLL_SECONDS
    for level in ("minute", "hour"):
        while monotonic() < until and _roll(level):
            pass


def _roll(level: Literal["minute", "hour"]) -> bool:
    with unit_of_work() as session:
        return rollups.roll(session, level)


@shared_task(name="telemetry.follow_thresholds")  # type: ignore[untyped-decorator]
def follow_thresholds() -> None:
    """Bring limits and their alarms up to date with the readings; harmless when done twice."""
    following.work_off()


@shared_task(name="telemetry.look_again")  # type: ignore[untyped-decorator]
def look_again() -> None:
    """Look at limits that are not at rest and whose devices have fallen silent."""
    following.look_again()


@shared_task(name="telemetry.look_for_devices")  # type: ignore[untyped-decorator]
def look_for_devices() -> None:
    """Tell of devices that are late, offline or back."""
    with unit_of_work() as session:
        presence.look(session)
