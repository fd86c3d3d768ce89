"""What the worker does for readings."""

from celery import shared_task

from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.telemetry import partitions, presence
from signalcraft.telemetry.thresholds import following

log = get_logger(__name__)


@shared_task(name="telemetry.maintain_partitions")  # type: ignore[untyped-decorator]
def maintain_partitions() -> None:
    """Have a table ready for each of the next days."""
    with unit_of_work() as session:
        created = partitions.ensure(session)
    if created:
        log.info("partitions_created", names=created)


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
