"""The memory limit of Gunicorn's workers.

PM2's `max_memory_restart` sees the master only, and it is the workers that leak.
"""

import logging
import os
import random
import signal
import threading
import time

from signalcraft.operations import kernel

CHECK_SECONDS = 10.0
"""Between two looks, which cost about a millisecond each."""

_log = logging.getLogger(__name__)


def watch(limit_bytes: int, check_seconds: float = CHECK_SECONDS) -> threading.Thread:
    """Have this worker replaced once it takes more than `limit_bytes`; called by `post_worker_init`.

    It asks itself to stop as its master would: what is in flight is finished, then the master starts another.
    """
    thread = threading.Thread(
        target=_watch, args=(limit_bytes, check_seconds), name="memory-limit", daemon=True
    )
    thread.start()
    return thread


def _watch(limit_bytes: int, check_seconds: float) -> None:
    own = os.getpid()
    while (taken := kernel.memory_bytes({own})) <= limit_bytes:
        # Siblings that leak alike are not to leave at the same moment.
        time.sleep(check_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    _log.warning("worker over its memory limit, replaced: %d of %d bytes", taken, limit_bytes)
    os.kill(own, signal.SIGTERM)
