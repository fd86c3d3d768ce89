"""Counters that all processes share in Redis, or, while it is gone, those of this process alone."""

from collections.abc import Callable
from functools import lru_cache
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

    def add(self, key: str, *, seconds: int, amount: int = 1) -> int:
        """Add to a counter, which is forgotten `seconds` after it was begun; what it is now."""
        return self._with(lambda storage: storage.incr(key, seconds, amount))

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
