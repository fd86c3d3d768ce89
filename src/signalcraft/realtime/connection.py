"""The connections of one process to Redis or Valkey, made on first use."""

from functools import lru_cache
from uuid import UUID

import redis
import redis.asyncio

from signalcraft.settings import get_settings

TIMEOUT_SECONDS = 1.0
"""Redis is never waited for longer: everything it would tell is in PostgreSQL too."""


@lru_cache(maxsize=1)
def get_redis() -> redis.Redis:
    return redis.Redis.from_url(
        get_settings().redis_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )


def make_async_redis() -> redis.asyncio.Redis:
    """A client for long waits: reads time out by the command's own limit, not by the socket's."""
    return redis.asyncio.Redis.from_url(
        get_settings().redis_url.get_secret_value(),
        socket_connect_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )


def finished_channel(analysis_id: UUID) -> str:
    return f"signalcraft:finished:{analysis_id}"


def announce_finished(analysis_id: UUID) -> None:
    """Wake the request that waits for this analysis, if there is one."""
    get_redis().publish(finished_channel(analysis_id), "1")
