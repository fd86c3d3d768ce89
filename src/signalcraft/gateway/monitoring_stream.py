"""One administrator's stream of what the monitor sees."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from time import monotonic

from starlette.concurrency import run_in_threadpool

from signalcraft.accounts.access import Principal
from signalcraft.accounts.access_changes import ACCESS_CHANGED
from signalcraft.dashboards import monitoring
from signalcraft.dashboards.monitoring_schemas import Now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.feed import Feed, Subscriber
from signalcraft.gateway.stream import HEARTBEAT, RETRY_MILLISECONDS
from signalcraft.settings import Settings

_LOOK_SECONDS = 5.0
"""The monitor looks every ten. A few administrators asking this often cost less than telling them."""


async def monitoring_stream(feed: Feed, principal: Principal, settings: Settings) -> AsyncIterator[bytes]:
    """Server-sent events without numbers: each says all there is to know of the sections in it.

    The feed ends it when the person's rights change, or the process stops; the client asks again.
    """
    subscriber = Subscriber(
        may_see=lambda _: False,
        ends_with=lambda event: event.type == ACCESS_CHANGED and event.user_id == principal.user_id,
    )
    end = monotonic() + settings.stream_age_seconds
    async with feed.subscribed(subscriber):
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        newest: datetime | None = None
        while monotonic() < end:
            seen = await run_in_threadpool(_look, newest)
            if seen.sections:
                newest = max(section.taken_at for section in seen.sections)
                yield f"data: {seen.model_dump_json()}\n\n".encode()
            else:
                yield HEARTBEAT
            try:
                await asyncio.wait_for(subscriber.queue.get(), min(_LOOK_SECONDS, end - monotonic()))
            except TimeoutError:
                continue
            return


def _look(since: datetime | None) -> Now:
    with unit_of_work() as session:
        return monitoring.now(session, since=since)
