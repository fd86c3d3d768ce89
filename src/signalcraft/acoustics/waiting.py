"""Waiting for an analysis: woken by Redis, sure by PostgreSQL."""

from contextlib import closing
from time import monotonic
from uuid import UUID

import redis
from redis.client import PubSub
from sqlalchemy import select

from signalcraft.acoustics.models import Analysis
from signalcraft.acoustics.queries import FINAL
from signalcraft.db.session import unit_of_work
from signalcraft.realtime.connection import finished_channel, get_redis

LOOK_SECONDS = 0.5
"""How often the row is looked at when no wake-up comes (Redis is away, or was flushed)."""


def wait_for_analysis(analysis_id: UUID, seconds: float) -> bool:
    """Wait until the analysis is finished, at most `seconds`; whether it is.

    Holds no database connection while it waits. Call it outside any unit of work.
    """
    deadline = monotonic() + seconds
    with closing(PubSub(get_redis().connection_pool, ignore_subscribe_messages=True)) as subscription:
        try:
            subscription.subscribe(finished_channel(analysis_id))  # type: ignore[no-untyped-call]
        except redis.RedisError:
            return _is_finished(analysis_id)
        while not _is_finished(analysis_id):
            left = deadline - monotonic()
            if left <= 0:
                return False
            try:
                subscription.get_message(timeout=min(left, LOOK_SECONDS))
            except redis.RedisError:
                return _is_finished(analysis_id)
        return True


def _is_finished(analysis_id: UUID) -> bool:
    with unit_of_work() as session:
        state = session.scalar(select(Analysis.state).where(Analysis.id == analysis_id))
    return state in FINAL
