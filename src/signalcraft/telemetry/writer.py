"""Concurrent requests share commits: what comes while one commit is under way is in the next, together."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache

from signalcraft import metrics
from signalcraft.db.session import repeated
from signalcraft.errors import UnavailableError
from signalcraft.fleet.admission import Caller
from signalcraft.logging import get_logger
from signalcraft.telemetry import recording
from signalcraft.telemetry.batches import Batch
from signalcraft.telemetry.recording import Outcome, Submission

log = get_logger(__name__)

QUEUED_ROWS = 50_000
"""Readings that may wait: half a second of work, some 20 MB; of those that come few at once as many more."""
FEW_ROWS = 50
"""Readings of now, as against a backlog: however many batches wait, these are in the next commit."""
GROUP_ROWS = 10_000
"""Readings of one commit. More would gain nothing and keep the first ones waiting."""


@dataclass(frozen=True)
class _Waiting:
    submission: Submission
    future: "Future[Outcome]" = field(default_factory=Future)


class _Queue:
    """Submissions in the order in which they came, and how many rows they have together."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self.rows = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self.rows += len(waiting.submission.batch)

    def take(self, most_rows: int) -> list[_Waiting]:
        """The first ones, together no more rows than that, but at least one if there is one."""
        taken: list[_Waiting] = []
        while self._waiting and (not taken or len(self._waiting[0].submission.batch) <= most_rows):
            taken.append(self._waiting.popleft())
            most_rows -= len(taken[-1].submission.batch)
        self.rows -= _rows(taken)
        return taken


class Writer:
    """One thread that stores what all others of the process hand over.

    It never waits for company: a lone reading is committed at once, and while it is, the next group gathers.
    So the more comes, the larger the groups and the cheaper each reading.
    """

    def __init__(self, *, queued_rows: int = QUEUED_ROWS, group_rows: int = GROUP_ROWS) -> None:
        self._queued_rows = queued_rows
        self._group_rows = group_rows
        self._few, self._many = _Queue(), _Queue()
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
        queue = self._few if len(batch) <= FEW_ROWS else self._many
        with self._changed:
            if queue.rows + len(batch) > self._queued_rows:
                raise UnavailableError("More readings come than can be stored; send them again later.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
            queue.put(waiting)
            metrics.READINGS_WAITING.inc(len(batch))
            self._changed.notify()
        return waiting.future

    def _run(self) -> None:
        while True:
            group = self._next_group()
            try:
                _store(group)
            except Exception:
                log.exception("writer_failed")
            metrics.READINGS_WAITING.dec(_rows(group))

    def _next_group(self) -> list[_Waiting]:
        with self._changed:
            while not self._few and not self._many:
                self._changed.wait()
            few = self._few.take(self._group_rows // 2)
            return few + self._many.take(self._group_rows - _rows(few))


@lru_cache(maxsize=1)
def get_writer() -> Writer:
    """The writer of this process. Call it after the fork only."""
    return Writer()


def _rows(waiting: Sequence[_Waiting]) -> int:
    return sum(len(one.submission.batch) for one in waiting)


def _store(group: Sequence[_Waiting]) -> None:
    """Commit the group, or each of it alone where one of them spoils it."""
    submissions = [waiting.submission for waiting in group]
    try:
        with metrics.READINGS_COMMIT_SECONDS.time():
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
    _count(outcomes)


def _count(outcomes: Sequence[Outcome]) -> None:
    numbers = {
        "stored": sum(outcome.stored for outcome in outcomes),
        "duplicate": sum(outcome.duplicates for outcome in outcomes),
        "refused": sum(len(outcome.refused) for outcome in outcomes),
    }
    for what, number in numbers.items():
        if number:
            metrics.READINGS.labels(what).inc(number)
