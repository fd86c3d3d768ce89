"""Jobs that are done again and again, each in a thread of its own: a slow or failing one delays no other."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from signalcraft.logging import get_logger

log = get_logger(__name__)

STOP_SECONDS = 10.0
"""How long a stopping monitor waits for jobs under way; PM2 waits longer."""


@dataclass(frozen=True)
class Job:
    """Something to be done every `interval_s` seconds, counted from start to start."""

    name: str
    interval_s: float
    run: Callable[[], None]


def run_until(stopping: threading.Event, jobs: Sequence[Job]) -> None:
    """Do all jobs, the first time at once, until the event is set; return when those under way have ended."""
    threads = [
        # A job that hangs beyond its grace must not keep the process.
        threading.Thread(target=_repeat, args=(job, stopping), name=job.name, daemon=True)
        for job in jobs
    ]
    for thread in threads:
        thread.start()
    stopping.wait()
    deadline = monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
        if thread.is_alive():
            log.warning("job_left_unfinished", job=thread.name)


def _repeat(job: Job, stopping: threading.Event) -> None:
    failing = False
    while True:
        started = monotonic()
        try:
            job.run()
        except Exception as error:
            # Once with its traceback, then a line: what is broken for a night must not fill the log.
            log.warning("job_failed", job=job.name, reason=str(error), exc_info=not failing)
            failing = True
        else:
            if failing:
                log.info("job_recovered", job=job.name)
            failing = False
        if stopping.wait(max(0.0, job.interval_s - (monotonic() - started))):
            return
