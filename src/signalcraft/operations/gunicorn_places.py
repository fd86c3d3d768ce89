"""Gunicorn's hooks by which a worker takes its place among its siblings, and leaves it (`metrics.py`), and by
which they share what is loaded.

A Gunicorn configuration imports them by name.
"""

import gc
from typing import Any

from signalcraft import metrics


def when_ready(_server: Any) -> None:
    """In the master, once the application is loaded (`preload_app`): keep the collector away from what was
    loaded, so that its pages stay shared with the workers."""
    gc.collect()
    gc.freeze()


def pre_fork(server: Any, worker: Any) -> None:
    """In the master, which alone knows who lives."""
    worker.place = metrics.free_place([sibling.place for sibling in server.WORKERS.values()])


def post_fork(_server: Any, worker: Any) -> None:
    """In the worker, before it counts anything."""
    metrics.take_place(worker.place)


def child_exit(_server: Any, worker: Any) -> None:
    """In the master, whatever the worker died of."""
    metrics.leave_place(worker.place)
