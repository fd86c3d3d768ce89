"""One client's event stream: what it missed, then what happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from time import monotonic

from starlette.concurrency import run_in_threadpool

from signalcraft.accounts.access import Principal
from signalcraft.accounts.access_changes import ACCESS_CHANGED
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.feed import BATCH, Feed, Frame, Subscriber, frame_of
from signalcraft.realtime import queries
from signalcraft.realtime.publish import Event
from signalcraft.settings import Settings

RETRY_MILLISECONDS = 2000
COMMIT_TAKES = timedelta(seconds=1)
"""At the most, from an event's time to where others see it."""
HEARTBEAT = b": heartbeat\n\n"


class VisibilityRule:
    """Whether a person may see an event: it is of their shop, or about their own upload."""

    def __init__(self, principal: Principal) -> None:
        self._user_id, self._shop_ids = principal.user_id, principal.shop_ids

    def __call__(self, event: Event) -> bool:
        if event.user_id is not None and event.user_id == self._user_id:
            return True
        return self._shop_ids is None or event.shop_id in self._shop_ids


async def event_stream(
    feed: Feed,
    principal: Principal,
    settings: Settings,
    *,
    asked_at: datetime,
    last_event_id: int | None,
    machine_id: int | None,
) -> AsyncIterator[bytes]:
    """Server-sent events (WHATWG HTML, 9.2) for one person.

    The stream ends as soon as the person's rights change; the client asks again and is judged anew.

    Parameters
    ----------
    asked_at : when the person's rights were looked up.
    last_event_id : the newest event the client has; None starts with what happens from now on.
    machine_id : also send this machine's readings as they come; the caller has checked who asks.
    """
    may_see = VisibilityRule(principal)

    def is_about_our_rights(event: Event) -> bool:
        return event.type == ACCESS_CHANGED and event.user_id == principal.user_id

    subscriber = Subscriber(may_see, is_about_our_rights, machine_id)
    async with feed.subscribed(subscriber) as position:
        # A change between the look at the rights and now is one that the feed has handed out already.
        if await run_in_threadpool(_have_rights_changed, principal.user_id, asked_at):
            return
        # A new client is told where it stands: it may have to come back before anything has happened.
        yield _hello(position if last_event_id is None else None)
        sent = last_event_id or 0
        if last_event_id is not None:
            if await run_in_threadpool(_is_gone, last_event_id):
                sent = await run_in_threadpool(_newest)
                yield _data({"type": "reset"}, event_id=sent)
            async for frame in _missed(sent, may_see):
                sent = max(sent, frame.id)
                if frame.data:
                    yield frame.data
        async for data in _live(subscriber, settings, after=sent):
            yield data


async def _missed(after: int, may_see: VisibilityRule) -> AsyncIterator[Frame]:
    """What happened while the client was away. An invisible event moves the position without data."""
    while True:
        events = await run_in_threadpool(_events_after, after)
        for event in events:
            yield frame_of(event) if may_see(event) else Frame(event.id, b"")
            after = event.id
        if len(events) < BATCH:
            return


async def _live(subscriber: Subscriber, settings: Settings, *, after: int) -> AsyncIterator[bytes]:
    """What happens from now on, until the stream is old, the client too slow, or the process stops."""
    end = monotonic() + settings.stream_age_seconds
    while monotonic() < end:
        try:
            async with asyncio.timeout(settings.stream_heartbeat_seconds):
                frame = await subscriber.queue.get()
        except TimeoutError:
            yield HEARTBEAT
            continue
        if frame is None:
            return
        if frame.id == 0 or frame.id > after:
            yield frame.data


def _hello(position: int | None) -> bytes:
    return f"retry: {RETRY_MILLISECONDS}\n".encode() + _data(
        {"type": "connected", "message": "알림 스트림이 연결되었습니다"}, event_id=position
    )


def _data(document: dict[str, object], *, event_id: int | None) -> bytes:
    number = "" if event_id is None else f"id: {event_id}\n"
    return f"{number}data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def _is_gone(last_event_id: int) -> bool:
    """Whether events after this one were already dropped, or it is not one of ours."""
    with unit_of_work() as session:
        newest, oldest = queries.last_event_id(session), queries.oldest_event_id(session)
    if last_event_id > newest:
        return True
    return last_event_id < newest and (oldest is None or oldest > last_event_id + 1)


def _have_rights_changed(user_id: int, asked_at: datetime) -> bool:
    with unit_of_work() as session:
        return queries.happened_to(session, ACCESS_CHANGED, user_id, since=asked_at - COMMIT_TAKES)


def _newest() -> int:
    with unit_of_work() as session:
        return queries.last_event_id(session)


def _events_after(event_id: int) -> list[Event]:
    with unit_of_work() as session:
        return list(queries.events_after(session, event_id, BATCH))
