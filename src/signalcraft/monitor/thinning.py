"""Seven days in little room: the older a sample, the longer the time it stands for."""

from datetime import timedelta

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.observability import monitor_samples
from signalcraft.observability.monitor_history import means, span_start

KEPT = timedelta(days=7)
STEPS = ((timedelta(hours=2), 60), (timedelta(days=1), 600))
"""Beyond this age one sample a minute is kept, and then one in ten minutes."""


def thin() -> None:
    """Put means in the place of samples that have grown old, and drop what is older than seven days."""
    now = utc_now()
    for age, span_s in STEPS:
        edge = span_start(now - age, span_s)
        with unit_of_work() as session:
            old = monitor_samples.finer_than(session, span_s, before=edge)
            if old:
                monitor_samples.replace_finer(session, span_s, means(old, span_s), before=edge)
    with unit_of_work() as session:
        monitor_samples.forget(session, now - KEPT)
