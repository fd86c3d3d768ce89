"""Celery's scheduler of periodic tasks, for a machine whose clock may be set back."""

from celery import beat


class Scheduler(beat.Scheduler):  # type: ignore[misc]
    """Keeps its schedule in memory.

    Celery's own remembers by the wall clock when each task is due: set back by an hour, most of them would
    rest for an hour. A task that seems to have run in the future is such a memory.
    """

    def tick(self) -> float:
        """Send what is due; seconds until it wants to be asked again."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self._heap = None  # it is in the order of the times that were
        return float(super().tick())
