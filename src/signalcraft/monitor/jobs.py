"""What the monitor does, and how often."""

from signalcraft.monitor.loop import Job
from signalcraft.operations.instance import Instance


def jobs(here: Instance) -> list[Job]:
    """Every job of this installation."""
    return []
