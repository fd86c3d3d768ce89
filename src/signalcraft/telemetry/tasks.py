"""What the worker does for readings."""

from celery import shared_task

from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.telemetry import partitions

log = get_logger(__name__)


@shared_task(name="telemetry.maintain_partitions")  # type: ignore[untyped-decorator]
def maintain_partitions() -> None:
    """Have a table ready for each of the next days."""
    with unit_of_work() as session:
        created = partitions.ensure(session)
    if created:
        log.info("partitions_created", names=created)
