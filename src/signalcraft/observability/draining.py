"""Whether this process is to send its clients away: long streams then end, their clients resume elsewhere.

It is when Gunicorn stops, which waits for open connections and tells an endless one nothing; and when its
colour is drained: another release has taken over, and what is open here is all that is left.
"""

from collections.abc import Callable
from pathlib import Path

from signalcraft.settings import get_settings

_asked: list[Callable[[], bool]] = []


def watch(stopping: Callable[[], bool]) -> None:
    """Register how to tell that Gunicorn stops; called by `gunicorn_conf.post_worker_init`."""
    _asked[:] = [stopping, drain_file(get_settings().data_dir, get_settings().colour).exists]


def is_draining() -> bool:
    return any(asked() for asked in _asked)


def drain_file(data_dir: Path, colour: str) -> Path:
    """While this file exists the processes of the colour send their clients away."""
    return data_dir / "run" / f"draining-{colour}"
