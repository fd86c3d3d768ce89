"""What the Celery processes count, and the loopback port on which they say it."""

from time import perf_counter
from typing import Any

from billiard.process import current_process
from celery import signals

from signalcraft import metrics
from signalcraft.operations.ports import metrics_port
from signalcraft.settings import get_settings

_started: dict[str, float] = {}
"""Of the task that this process works on, the moment on the monotonic clock."""


def count_tasks() -> None:
    """In the worker: its pool's processes count, its first one answers for all."""
    signals.worker_ready.connect(_serve_worker)
    signals.worker_process_init.connect(_take_place)
    signals.task_prerun.connect(_begin)
    signals.task_postrun.connect(_end)


def count_schedule() -> None:
    """In the scheduler, which counts what it puts on the queue."""
    signals.beat_init.connect(_serve_scheduler)
    signals.after_task_publish.connect(_published)


def _serve_worker(**_: Any) -> None:
    settings = get_settings()
    metrics.RELEASE.labels(settings.release, settings.colour).set(1)
    metrics.serve(metrics_port(settings.internal_port_base, "worker", settings.colour))


def _serve_scheduler(**_: Any) -> None:
    settings = get_settings()
    metrics.serve(metrics_port(settings.internal_port_base, "scheduler", settings.colour))


def _take_place(**_: Any) -> None:
    """The pool gives a process the number of the one whose successor it is."""
    metrics.take_place(str(current_process().index))


def _begin(task_id: str = "", **_: Any) -> None:
    _started.clear()
    _started[task_id] = perf_counter()


def _end(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    started = _started.pop(task_id, None)
    if started is not None and task is not None:
        metrics.TASK_SECONDS.labels(task.name).observe(perf_counter() - started)
        metrics.TASKS.labels(task.name, (state or "unknown").lower()).inc()


def _published(sender: str = "", **_: Any) -> None:
    metrics.SCHEDULED.labels(sender).inc()
