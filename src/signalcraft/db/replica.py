"""Reading for screens: from the replica while it keeps up, else from the server itself.

How far a replica is behind cannot be asked of it: one that no longer hears of the server believes itself up
to date. So each process notes where the server's log stood at which moment, and the replica is at most as old
as the newest note that it has reached.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import TypeVar

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from signalcraft.db import failures
from signalcraft.db.engine import get_engine, get_replica_engine
from signalcraft.db.session import repeated, unit_of_work
from signalcraft.settings import get_settings

log = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

LOOK_SECONDS = 1.0
"""How often a process looks how far the replica is, while it is asked to read."""
AWAY_SECONDS = 10.0
"""How long a replica that failed is left alone."""
_NOTES = 600

_SERVER_POSITION = text("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
_REPLICA_POSITION = text("SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn")


class Replica:
    """What one process knows of the replica; shared by its threads."""

    def __init__(self, server: Engine, replica: Engine, *, lag_limit_seconds: float) -> None:
        self._server, self._replica = server, replica
        self._lag_limit = lag_limit_seconds
        self._notes: deque[tuple[float, int]] = deque(maxlen=_NOTES)
        self._look_at = 0.0
        self._usable = False
        self._looking = threading.Lock()

    def engine(self) -> Engine | None:
        """The replica's engine if it is to be read from now."""
        now = monotonic()
        if now >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look_at = now + LOOK_SECONDS
                self._look(now)
            finally:
                self._looking.release()
        return self._replica if self._usable else None

    def set_aside(self) -> None:
        """It has failed: read from the server for a while."""
        self._look_at = monotonic() + AWAY_SECONDS
        self._usable = False

    def _look(self, now: float) -> None:
        try:
            self._notes.append((now, _position(self._server, _SERVER_POSITION)))
            reached = _position(self._replica, _REPLICA_POSITION)
        except (DBAPIError, PoolTimeoutError) as error:
            log.warning("replica_away", reason=failures.reason(error))
            self.set_aside()
            return
        lag = self._lag(now, reached)
        usable = lag is not None and lag <= self._lag_limit
        if usable != self._usable:
            log.info("replica_usable" if usable else "replica_behind", lag_seconds=lag)
        self._usable = usable

    def _lag(self, now: float, reached: int) -> float | None:
        """Age in seconds of what the replica shows, as an upper limit; None where nothing is known yet."""
        while len(self._notes) > 1 and self._notes[1][1] <= reached:
            self._notes.popleft()
        noted_at, position = self._notes[0]
        return now - noted_at if position <= reached else None


def read(work: Callable[[Session], Result]) -> Result:
    """Do `work`, which only reads and may be a little late, on the replica if there is one that keeps up."""
    replica = get_replica()
    engine = replica.engine() if replica else None
    if replica and engine:
        try:
            with unit_of_work(engine) as session:
                return work(session)
        except (DBAPIError, PoolTimeoutError) as error:
            if not failures.passes(error):
                raise
            log.warning("replica_failed", reason=failures.reason(error))
            replica.set_aside()
    return repeated(work)


@lru_cache(maxsize=1)
def get_replica() -> Replica | None:
    """The replica as this process knows it, or None where none is set. Call it after the fork only."""
    engine = get_replica_engine()
    if engine is None:
        return None
    return Replica(get_engine(), engine, lag_limit_seconds=get_settings().replica_lag_limit_seconds)


def _position(engine: Engine, question: object) -> int:
    """Bytes of the write-ahead log written, or replayed.

    A server without a position (a primary in the replica's place) counts as at the very beginning.
    """
    with engine.connect() as connection:
        return int(connection.scalar(question) or 0)  # type: ignore[call-overload]
