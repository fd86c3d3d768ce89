"""One reader of events per process, handing them to all its open streams.

Events come from the Redis stream when it has the next number, and from PostgreSQL whenever it has not (Redis
was flushed, is away, or got two announcements in the wrong order). So the order and completeness are
PostgreSQL's, and Redis only makes it quick.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import redis.asyncio
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from signalcraft.db.session import unit_of_work
from signalcraft.gateway.draining import is_draining
from signalcraft.logging import get_logger
from signalcraft.realtime import queries
from signalcraft.realtime.connection import make_async_redis
from signalcraft.realtime.publish import STREAM, Event, readings_channel

log = get_logger(__name__)

BLOCK_SECONDS = 1.0
"""How long Redis is listened to before PostgreSQL is asked whether something was missed."""
BATCH = 500
BACKLOG = 1000
"""Frames that wait for one client; a slower one is cut off and resumes by id."""


@dataclass(frozen=True)
class Frame:
    """One event as it goes over the wire; `id` 0 marks what is not durable."""

    id: int
    data: bytes


@dataclass(eq=False)
class Subscriber:
    """One open stream: whom it belongs to, and what waits to be sent to it."""

    may_see: Callable[[Event], bool]
    machine_id: int | None = None
    queue: asyncio.Queue[Frame | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def offer(self, frame: Frame | None) -> None:
        """Queue a frame; a client that does not read its events loses the stream, not the events."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            frame = None
        self.queue.put_nowait(frame)


def frame_of(event: Event) -> Frame:
    document = json.dumps({"type": event.type, **event.payload}, ensure_ascii=False, separators=(",", ":"))
    return Frame(event.id, f"id: {event.id}\ndata: {document}\n\n".encode())


class Feed:
    """The process's reader and its subscribers."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._watched: defaultdict[int, set[Subscriber]] = defaultdict(set)
        self._position = 0
        self._redis = make_async_redis()
        self._readings = self._redis.pubsub(ignore_subscribe_messages=True)
        self._tasks: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Feed"]:
        self._tasks = [asyncio.create_task(self._read_events()), asyncio.create_task(self._read_readings())]
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with contextlib.suppress(redis.RedisError):
                await self._readings.aclose()  # type: ignore[no-untyped-call]
                await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def subscribed(self, subscriber: Subscriber) -> AsyncIterator[None]:
        """Frames reach the subscriber's queue from now on."""
        self._subscribers.add(subscriber)
        if subscriber.machine_id is not None:
            await self._watch(subscriber.machine_id, subscriber)
        try:
            yield
        finally:
            self._subscribers.discard(subscriber)
            if subscriber.machine_id is not None:
                await self._unwatch(subscriber.machine_id, subscriber)

    # --- durable events

    async def _read_events(self) -> None:
        self._position = await self._first_position()
        while True:
            if is_draining():
                for subscriber in list(self._subscribers):
                    subscriber.offer(None)
            try:
                events = await self._next_events()
            except SQLAlchemyError as error:
                log.warning("event_reader_waits", reason=type(error).__name__)
                await asyncio.sleep(BLOCK_SECONDS)
                continue
            for event in events:
                self._position = event.id
                frame = frame_of(event)
                for subscriber in list(self._subscribers):
                    if subscriber.may_see(event):
                        subscriber.offer(frame)

    async def _first_position(self) -> int:
        while True:
            try:
                return await run_in_threadpool(_newest_event_id)
            except SQLAlchemyError as error:
                log.warning("event_reader_waits", reason=type(error).__name__)
                await asyncio.sleep(BLOCK_SECONDS)

    async def _next_events(self) -> Sequence[Event]:
        """Events in order without a gap: from Redis if it has the very next one, else from PostgreSQL."""
        announced = await self._announced()
        in_order = [event for place, event in enumerate(announced) if event.id == self._position + 1 + place]
        if announced and len(in_order) == len(announced):
            return in_order
        return await run_in_threadpool(_events_after, self._position)

    async def _announced(self) -> list[Event]:
        try:
            answer = await self._redis.xread(
                {STREAM: f"{self._position}-1"}, count=BATCH, block=int(BLOCK_SECONDS * 1000)
            )
        except redis.RedisError:
            await asyncio.sleep(BLOCK_SECONDS / 4)
            return []
        return [
            Event.from_json(int(entry_id.partition("-")[0]), fields["event"])
            for entry_id, fields in _entries(answer)
        ]

    # --- readings of watched machines

    async def _read_readings(self) -> None:
        while True:
            if not self._watched:
                await asyncio.sleep(BLOCK_SECONDS / 4)
                continue
            try:
                message = await self._readings.get_message(timeout=BLOCK_SECONDS)
            except redis.RedisError:
                await asyncio.sleep(BLOCK_SECONDS)
                await self._watch_again()
                continue
            if message is not None:
                machine_id = int(message["channel"].rpartition(":")[2])
                frame = Frame(0, f"data: {message['data']}\n\n".encode())
                for subscriber in list(self._watched.get(machine_id, ())):
                    subscriber.offer(frame)

    async def _watch(self, machine_id: int, subscriber: Subscriber) -> None:
        self._watched[machine_id].add(subscriber)
        with contextlib.suppress(redis.RedisError):
            await self._readings.subscribe(readings_channel(machine_id))

    async def _watch_again(self) -> None:
        with contextlib.suppress(redis.RedisError):
            await self._readings.subscribe(*(readings_channel(machine_id) for machine_id in self._watched))

    async def _unwatch(self, machine_id: int, subscriber: Subscriber) -> None:
        self._watched[machine_id].discard(subscriber)
        if not self._watched[machine_id]:
            del self._watched[machine_id]
            with contextlib.suppress(redis.RedisError):
                await self._readings.unsubscribe(readings_channel(machine_id))


def _entries(answer: Any) -> list[tuple[str, dict[str, str]]]:
    """The one stream's entries of an XREAD answer: a list (RESP 2) or a mapping (RESP 3) of streams."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [entry for batch in answer[STREAM] for entry in batch]
    return list(answer[0][1])


def _newest_event_id() -> int:
    with unit_of_work() as session:
        return queries.last_event_id(session)


def _events_after(event_id: int) -> Sequence[Event]:
    with unit_of_work() as session:
        return queries.events_after(session, event_id, BATCH)
