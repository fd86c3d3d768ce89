"""The schedule of periodic tasks."""

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from celery import Celery

from signalcraft.worker.beat import Scheduler


class Sent(Scheduler):
    """Counts what it would put on the queue."""

    def __init__(self, app: Celery, **options: Any) -> None:
        self.counts: Counter[str] = Counter()
        super().__init__(app, **options)

    def apply_async(self, entry: Any, **_: Any) -> None:
        self.counts[entry.task] += 1


def play(scheduler: Sent, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(max(0.0, min(scheduler.tick(), 0.02)))


def test_a_clock_that_is_set_back_does_not_stop_the_schedule() -> None:
    app = Celery("test", broker="memory://", set_as_current=False)
    schedule = {name: {"task": name, "schedule": 0.05} for name in ("often", "as often")}
    app.conf.beat_schedule = schedule
    scheduler = Sent(app)
    play(scheduler, 0.3)
    assert min(scheduler.counts[name] for name in schedule) > 1
    # What it remembers is two hours ahead, as after such a change of the clock.
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=2)
    scheduler.populate_heap()
    scheduler.counts.clear()
    play(scheduler, 0.3)
    assert min(scheduler.counts[name] for name in schedule) > 1
