"""Write events: numbered in PostgreSQL, announced on a Redis stream after the commit.

Readers must see events in one order and must never find a number appearing below one they have seen. A
sequence cannot promise that (transactions commit out of order), so the number comes from a counter row whose
lock is held from the last statement to the end of the commit: numbers follow the order of commits and have no
gaps. The Redis stream carries the same numbers and is only a faster way to the same rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from signalcraft import metrics
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import after_commit, before_commit
from signalcraft.logging import get_logger
from signalcraft.realtime.connection import get_redis
from signalcraft.realtime.models import OutboxCounter, OutboxEvent

log = get_logger(__name__)

STREAM = "signalcraft:events"
STREAM_LENGTH = 10_000
"""Entries kept in Redis; older ones are read from PostgreSQL."""

_PENDING = "signalcraft.events"
_READINGS = "signalcraft:readings:"


@dataclass(frozen=True)
class Event:
    """One event for those who may see it: people of the shop, administrators, and the person named."""

    type: str
    payload: dict[str, Any]
    shop_id: int | None
    user_id: int | None
    id: int = 0

    def as_json(self) -> str:
        return json.dumps(
            {"type": self.type, "shop_id": self.shop_id, "user_id": self.user_id, "payload": self.payload},
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, event_id: int, document: str) -> "Event":
        return cls(id=event_id, **json.loads(document))


def emit(
    session: Session,
    event_type: str,
    payload: dict[str, Any],
    *,
    shop_id: int | None,
    user_id: int | None = None,
) -> None:
    """Add a durable event to this transaction; it is numbered when everything else is written."""
    pending: list[Event] = session.info.setdefault(_PENDING, [])
    if not pending:
        before_commit(session, _number, turn=2)
    pending.append(Event(event_type, payload, shop_id, user_id))


def publish_readings(readings: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Tell whoever watches these machines right now; the rows in `readings` are the fact.

    Raises
    ------
    redis.RedisError
        It is not there.
    """
    pipeline = get_redis().pipeline(transaction=False)
    for machine_id, payload in readings:
        message = json.dumps({"type": "reading", **payload}, ensure_ascii=False, separators=(",", ":"))
        pipeline.publish(readings_channel(machine_id), message)
    pipeline.execute()


def watched_machines() -> frozenset[int]:
    """The machines whose readings somebody waits for right now.

    Raises
    ------
    redis.RedisError
        It is not there.
    """
    channels: list[str] = get_redis().pubsub_channels(f"{_READINGS}*")  # type: ignore[assignment]
    return frozenset(int(channel.removeprefix(_READINGS)) for channel in channels)


def readings_channel(machine_id: int) -> str:
    return f"{_READINGS}{machine_id}"


def _number(session: Session) -> None:
    pending: list[Event] = session.info.pop(_PENDING)
    session.flush()
    last = session.scalar(
        update(OutboxCounter)
        .values(last_event_id=OutboxCounter.last_event_id + len(pending))
        .returning(OutboxCounter.last_event_id)
    )
    if last is None:
        raise RuntimeError("the outbox counter is missing: the database was not migrated")
    first = last - len(pending) + 1
    events = [
        Event(event.type, event.payload, event.shop_id, event.user_id, id=first + place)
        for place, event in enumerate(pending)
    ]
    session.execute(
        insert(OutboxEvent),
        [
            {
                "id": event.id,
                "created_at": utc_now(),
                "type": event.type,
                "shop_id": event.shop_id,
                "user_id": event.user_id,
                "payload": event.payload,
            }
            for event in events
        ],
    )
    after_commit(session, lambda: _announce(events))


def _announce(events: list[Event]) -> None:
    """Add the events to the stream under their own numbers.

    Another process may have announced a later number first; Redis then refuses ours, and readers take the
    missing rows from PostgreSQL.
    """
    for event in events:
        metrics.EVENTS.labels(event.type).inc()
    try:
        pipeline = get_redis().pipeline(transaction=False)
        for event in events:
            pipeline.xadd(
                STREAM, {"event": event.as_json()}, id=f"{event.id}-1", maxlen=STREAM_LENGTH, approximate=True
            )
        pipeline.execute(raise_on_error=False)
    except redis.RedisError as error:
        log.warning("announce_failed", at=iso(utc_now()), reason=type(error).__name__)
