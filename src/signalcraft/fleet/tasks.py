"""What the worker does for nodes: commands that nobody confirmed, firmware on its way."""

from celery import shared_task

from signalcraft.db.session import unit_of_work
from signalcraft.fleet import commands
from signalcraft.fleet.firmware import rollouts


@shared_task(name="fleet.expire_commands")  # type: ignore[untyped-decorator]
def expire_commands() -> None:
    """End commands that no node has confirmed in time."""
    with unit_of_work() as session:
        commands.expire(session)


@shared_task(name="fleet.step_rollouts")  # type: ignore[untyped-decorator]
def step_rollouts() -> None:
    """Begin the next updates of every roll-out, or take it back where it fails."""
    rollouts.step_all()
