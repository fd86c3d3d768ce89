"""Concurrent requests share commits: what comes while one commit is under way is in the next, together."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache

from signalcraft.db.session import repeated
from signalcraft.errors import UnavailableError
from signalcraft.fleet.admission import Caller
from signalcraft.logging import get_logger
from signalcraft.telemetry import recording
from signalcraft.telemetry.batches import Batch
from signalcraft.telemetry.recording import Outcome, Submission

log = get_logger(__name__)

QUEUED_ROWS = 50_000
"""Readings that may wait: half a second of work, and some 20 MB."""
GROUP_ROWS = 10_000
"""Readings of one commit. More would gain nothing and keep the first ones waiting."""


@dataclass(frozen=True)
class _Waiting:
    submission: Submission
    future: "Future[Outcome]" = field(default_factory=Future)


class Writer:
    """One thread that stores what all others of the process hand over.

    It never waits for company: a lone reading is committed at once, and while it is, the next group gathers.
    So the more comes, the larger the groups and the cheaper each reading.
    """

    def __init__(self, *, queued_rows: int = QUEUED_ROWS, group_rows: int = GROUP_ROWS) -> None:
        self._queued_rows = queued_rows
        self._group_rows = group_rows
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def submit(self, batch: Batch, callers: Sequence[Caller]) -> "Future[Outcome]":
        """Queue readings; the future is done when they are committed, or it is known why they are not.

        Parameters
        ----------
        callers : who each of `batch.names` is, in that order.

        Raises
        ------
        UnavailableError
            As many wait already as may.
        """
        waiting = _Waiting(Submission(batch, callers))
        with self._changed:
            if self._rows + len(batch) > self._queued_rows:
                raise UnavailableError("More readings come than can be stored; send them again later.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
            self._waiting.append(waiting)
            self._rows += len(batch)
            self._changed.notify()
        return waiting.future

    def _run(self) -> None:
        while True:
            group = self._next_group()
            try:
                _store(group)
            except Exception:
                log.exception("writer_failed")

    def _next_group(self) -> list[_Waiting]:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            group = [self._waiting.popleft()]
            rows = len(group[0].submission.batch)
            while self._waiting and rows + len(self._waiting[0].submission.batch) <= self._group_rows:
                group.append(self._waiting.popleft())
                rows += len(group[-1].submission.batch)
            self._rows -= rows
        return group


@lru_cache(maxsize=1)
def get_writer() -> Writer:
    """The writer of this process. Call it after the fork only."""
    return Writer()


def _store(group: Sequence[_Waiting]) -> None:
    """Commit the group, or each of it alone where one of them spoils it."""
    submissions = [waiting.submission for waiting in group]
    try:
        outcomes = repeated(lambda session: recording.record(session, submissions))
    except Exception as error:
        if len(group) == 1:
            group[0].future.set_exception(error)
            return
        log.warning("group_divided", submissions=len(group), reason=type(error).__name__)
        for waiting in group:
            _store([waiting])
        return
    for waiting, outcome in zip(group, outcomes, strict=True):
        waiting.future.set_result(outcome)
