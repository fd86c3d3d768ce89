"""How busy a process is, and what it refuses first: dashboards before changes, changes before readings."""

from threading import Lock

from signalcraft.errors import UnavailableError
from signalcraft.ratelimits.policy import KINDS

RETRY_AFTER_SECONDS = 2
"""Long enough for what is at work now to be done, short enough that a page seems slow rather than broken."""

STREAM = "stream"


class Workload:
    """The requests that one process works on.

    Parameters
    ----------
    handlers : how many it can work on at one time.
    streams : how many event streams it may hold besides; they use memory and no thread.
    """

    def __init__(self, *, handlers: int, streams: int) -> None:
        self._capacity = {False: handlers, True: streams}
        self._at_work = {False: 0, True: 0}
        self._lock = Lock()

    def begin(self, kind: str) -> None:
        """Take a request in, to be ended with `end`.

        Raises
        ------
        UnavailableError
            The process is busier than this kind may find it; 503, nothing was done.
        """
        apart = kind == STREAM
        with self._lock:
            is_shed = apart or KINDS[kind].share < 1
            if is_shed and self._at_work[apart] >= self._capacity[apart] * KINDS[kind].share:
                raise UnavailableError(
                    "The server is busy; please try again in a moment."
                    " / 서버가 바쁩니다. 잠시 후 다시 시도해 주세요.",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._at_work[apart] += 1

    def end(self, kind: str) -> None:
        """The request is answered."""
        with self._lock:
            self._at_work[kind == STREAM] -= 1
