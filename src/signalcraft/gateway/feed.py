"""One reader of events per process, handing them to all its open streams.

Events come from the Redis stream when it has the next number, and from PostgreSQL whenever it has not (Redis
was flushed, is away, or got two announcements in the wrong order). So the order and completeness are
PostgreSQL's, and Redis only makes it quick.
"""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
import redis.asyncio
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from signalcraft import metrics
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.observability.draining import is_draining
from signalcraft.realtime import queries
from signalcraft.realtime.connection import TIMEOUT_SECONDS, make_async_redis
from signalcraft.realtime.publish import STREAM, Event, readings_channel

log = get_logger(__name__)

BLOCK_SECONDS = 1.0
"""How long Redis is listened to before PostgreSQL is asked whether something was missed."""
BATCH = 500
DRAINING_LOOK_SECONDS = 0.5
LEAVING_SECONDS = 3.0
"""Over which the streams of a draining process end. A part of the time that it has (`GRACE_SECONDS`)."""
COME_BACK = b"retry: 500\n\n"
"""Last words to a client that is sent away: whoever takes over is there, or the proxy has it wait."""
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
    ends_with: Callable[[Event], bool]
    """Whether an event is the last one: the rights that the stream was opened with may be over."""
    machine_id: int | None = None
    queue: asyncio.Queue[Frame | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def offer(self, frame: Frame | None) -> None:
        """Queue a frame; a client that does not read its events loses the stream, not the events."""
        if self.queue.full():
            metrics.STREAMS_CUT_OFF.inc()
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
        self._position: int | None = None
        self._ready = asyncio.Event()
        self._changing = asyncio.Lock()
        self._redis = make_async_redis()
        self._readings = self._redis.pubsub(ignore_subscribe_messages=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Feed"]:
        self._tasks = [
            asyncio.create_task(self._until_stopped(step))
            for step in (self._hand_out_events, self._hand_out_reading, self._send_away)
        ]
        try:
            yield self
        finally:
            self._stopped = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with contextlib.suppress(redis.RedisError):
                await self._readings.aclose()  # type: ignore[no-untyped-call]
                await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def subscribed(self, subscriber: Subscriber) -> AsyncIterator[int]:
        """Every event after the one whose number it gives reaches the subscriber's queue.

        The reader knows its position before anybody subscribes: whatever it does not hand out any more is in
        the rows that a client reads after this.
        """
        await self._ready.wait()
        position = self._position or 0
        self._subscribers.add(subscriber)
        metrics.STREAMS.inc()
        try:
            if subscriber.machine_id is not None:
                await self._watch(subscriber.machine_id, subscriber)
            yield position
        finally:
            self._subscribers.discard(subscriber)
            metrics.STREAMS.dec()
            if subscriber.machine_id is not None:
                await self._unwatch(subscriber.machine_id, subscriber)

    async def _until_stopped(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step; a server that is away for a while must not end the reader for good.

        The flag is looked at besides cancellation because the Redis client may take a cancellation that
        meets its own time-out for the latter.
        """
        while not self._stopped:
            try:
                await step()
            except (SQLAlchemyError, redis.RedisError) as error:
                log.warning("feed_waits", step=step.__name__, reason=type(error).__name__)
                await asyncio.sleep(BLOCK_SECONDS)
            except Exception:
                log.exception("feed_step_failed", step=step.__name__)
                await asyncio.sleep(BLOCK_SECONDS)

    # --- durable events

    async def _hand_out_events(self) -> None:
        if self._position is None:
            self._position = await run_in_threadpool(_newest_event_id)
            self._ready.set()
        for event in await self._next_events(self._position):
            self._position = event.id
            frame, delivered = frame_of(event), 0
            for subscriber in list(self._subscribers):
                if subscriber.may_see(event):
                    subscriber.offer(frame)
                    delivered += 1
                if subscriber.ends_with(event):
                    subscriber.offer(None)
            metrics.EVENTS_DELIVERED.inc(delivered)  # once: each time costs as much as an offer

    async def _next_events(self, position: int) -> Sequence[Event]:
        """Events in order without a gap: from Redis if it has the very next one, else from PostgreSQL."""
        announced = await self._announced(position)
        if announced and [event.id for event in announced] == list(
            range(position + 1, position + 1 + len(announced))
        ):
            return announced
        return await run_in_threadpool(_events_after, position)

    async def _announced(self, position: int) -> list[Event]:
        try:
            # A server that has vanished, or hangs, does not end what it was asked to.
            async with asyncio.timeout(BLOCK_SECONDS + TIMEOUT_SECONDS):
                answer = await self._redis.xread(
                    {STREAM: f"{position}-1"}, count=BATCH, block=int(BLOCK_SECONDS * 1000)
                )
        except (redis.RedisError, TimeoutError):
            await asyncio.sleep(BLOCK_SECONDS / 4)
            return []
        return [
            Event.from_json(int(entry_id.partition("-")[0]), fields["event"])
            for entry_id, fields in _entries(answer)
        ]

    async def _send_away(self) -> None:
        """End the streams of a drained process, one after the other; the others go on until their turn.

        All at once they would come back at once, to a process that has only just started.
        """
        await asyncio.sleep(DRAINING_LOOK_SECONDS)
        if is_draining():
            leaving = list(self._subscribers)
            for subscriber in leaving:
                subscriber.offer(Frame(0, COME_BACK))
                subscriber.offer(None)
                await asyncio.sleep(LEAVING_SECONDS / len(leaving))

    # --- readings of watched machines

    async def _hand_out_reading(self) -> None:
        if not self._watched:
            await asyncio.sleep(BLOCK_SECONDS / 4)
            return
        if self._readings.connection is None:
            async with self._changing:
                await self._readings.subscribe(*map(readings_channel, self._watched))
        message = await self._readings.get_message(timeout=BLOCK_SECONDS)
        if message is not None:
            machine_id = int(message["channel"].rpartition(":")[2])
            frame = Frame(0, f"data: {message['data']}\n\n".encode())
            for subscriber in list(self._watched.get(machine_id, ())):
                subscriber.offer(frame)

    async def _watch(self, machine_id: int, subscriber: Subscriber) -> None:
        self._watched[machine_id].add(subscriber)
        with contextlib.suppress(redis.RedisError):  # the reader subscribes again when Redis is back
            async with self._changing:
                await self._readings.subscribe(readings_channel(machine_id))

    async def _unwatch(self, machine_id: int, subscriber: Subscriber) -> None:
        self._watched[machine_id].discard(subscriber)
        if not self._watched[machine_id]:
            del self._watched[machine_id]
            with contextlib.suppress(redis.RedisError):
                async with self._changing:
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
