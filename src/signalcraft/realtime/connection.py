"""The connections of one process to Redis or Valkey, made on first use."""

import socket
from functools import lru_cache
from uuid import UUID

import redis
import redis.asyncio

from signalcraft.settings import get_settings

TIMEOUT_SECONDS = 1.0
"""Redis is never waited for longer: everything it would tell is in PostgreSQL too."""
SILENT_SECONDS = 15
"""A host that has vanished says nothing: on connections that only listen, the kernel asks if it is there."""


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
        socket_keepalive=True,
        socket_keepalive_options={
            socket.TCP_KEEPIDLE: SILENT_SECONDS,
            socket.TCP_KEEPINTVL: 5,
            socket.TCP_KEEPCNT: 3,
        },
        decode_responses=True,
    )


def finished_channel(analysis_id: UUID) -> str:
    return f"signalcraft:finished:{analysis_id}"


def announce_finished(analysis_id: UUID) -> None:
    """Wake the request that waits for this analysis, if there is one."""
    get_redis().publish(finished_channel(analysis_id), "1")
