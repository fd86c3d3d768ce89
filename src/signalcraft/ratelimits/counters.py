"""Counters that all processes share in Redis, or, while it is gone, those of this process alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import TypeVar

import redis
import structlog
from limits.storage import MemoryStorage, RedisStorage, Storage

from signalcraft.clock import utc_now
from signalcraft.settings import get_settings

log = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

TIMEOUT_SECONDS = 0.25
"""A limit is not worth more waiting than this."""
AWAY_SECONDS = 5.0
"""How long Redis is left alone after it did not answer, so that not every request waits for it."""

TALLIES_LIMIT = 50_000
"""Counters that one process adds to in steps: some 10 MB. Further ones are added to one by one."""
_CLEARING_SECONDS = 60.0


@dataclass
class _Tally:
    """What one process knows of a shared counter: what it was when last told, and what was added since."""

    ends_at: float
    shared: int = 0
    untold: int = 0


class Counters:
    """`limits` storages of which the one that answers is used.

    While Redis is gone each process counts by itself: a caller has as many times its quota as there are
    processes, which still bounds what somebody can try or send.
    """

    def __init__(self, redis_url: str) -> None:
        self._shared = RedisStorage(
            redis_url,
            key_prefix="signalcraft:limits",
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        self._own: Storage = MemoryStorage()
        self._away_until = 0.0
        self._tallies: dict[str, _Tally] = {}
        self._cleared_at = 0.0
        self._lock = Lock()

    def add(self, key: str, *, seconds: int, amount: int = 1) -> int:
        """Add to a counter, which is forgotten `seconds` after it was begun; what it is now."""
        return self._with(lambda storage: storage.incr(key, seconds, amount))

    def add_in_steps(self, key: str, *, seconds: int, amount: int, step: int) -> int:
        """`add`, of which the other processes are told only when `step` have come together.

        Beyond a limit each process lets through fewer than `step` until it learns that the others have
        reached it; what a process has not told when it ends is not counted.
        """
        with self._lock:
            tally = self._tally(key, seconds)
            if tally is not None:
                tally.untold += amount
                if tally.untold < step:
                    return tally.shared + tally.untold
                amount, tally.untold = tally.untold, 0
        total = self.add(key, seconds=seconds, amount=amount)
        if tally is not None:
            tally.shared = max(tally.shared, total)
        return total

    def _tally(self, key: str, seconds: int) -> _Tally | None:
        """That of the key, None where there are too many."""
        tally = self._tallies.get(key)
        if tally is None:
            now = monotonic()
            if now - self._cleared_at > _CLEARING_SECONDS:
                self._cleared_at = now
                self._tallies = {name: one for name, one in self._tallies.items() if one.ends_at > now}
            if len(self._tallies) < TALLIES_LIMIT:
                tally = self._tallies[key] = _Tally(now + seconds)
        return tally

    def value(self, key: str) -> int:
        """What a counter is; 0 where there is none."""
        return self._with(lambda storage: storage.get(key))

    def seconds_left(self, key: str) -> float:
        """How long a counter still lasts; not positive where there is none."""
        return self._with(lambda storage: storage.get_expiry(key)) - utc_now().timestamp()

    def forget(self, key: str) -> None:
        self._with(lambda storage: storage.clear(key))

    def _with(self, work: Callable[[Storage], Result]) -> Result:
        if monotonic() >= self._away_until:
            try:
                return work(self._shared)
            except redis.RedisError as error:
                self._away_until = monotonic() + AWAY_SECONDS
                log.warning("rate_limits_in_process", reason=type(error).__name__)
        return work(self._own)


@lru_cache(maxsize=1)
def get_counters() -> Counters:
    """Those of this process, made on first use."""
    return Counters(get_settings().redis_url.get_secret_value())
