"""Whether this process was asked to stop: long streams then end, and their clients resume elsewhere.

Gunicorn waits for open connections when it stops gracefully; nothing but this tells an endless one to end.
"""

from collections.abc import Callable

_asked: list[Callable[[], bool]] = []


def watch(stopping: Callable[[], bool]) -> None:
    """Register how to tell; called by `gunicorn_conf.post_worker_init`."""
    _asked[:] = [stopping]


def is_draining() -> bool:
    return any(stopping() for stopping in _asked)
