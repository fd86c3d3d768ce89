"""Commands on their way to connected nodes: the rows are looked at, Redis only says when to look."""

import asyncio
from collections.abc import Collection

import redis
from sqlalchemy.exc import SQLAlchemyError

from signalcraft.db import failures
from signalcraft.db.session import repeated
from signalcraft.fleet import commands
from signalcraft.link.connections import Connections
from signalcraft.logging import get_logger
from signalcraft.realtime.connection import make_async_redis

log = get_logger(__name__)

LOOK_SECONDS = 5.0
"""How late a command comes while Redis is away."""
REDIS_PAUSE_SECONDS = 2.0
SEND_SECONDS = 1.0
"""A node that does not read must not keep the others from theirs."""


class Orders:
    """Sends what waits for the connected nodes."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._hinted: set[int] = set()
        self._hint = asyncio.Event()

    async def run(self) -> None:
        """Look every few seconds at all connected nodes, and at once at those that a hint names."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._hint.wait()
                    self._hint.clear()
                    hinted, self._hinted = self._hinted, set()
                    await self._deliver(hinted)
                except TimeoutError:
                    await self._deliver(None)
        finally:
            listening.cancel()

    async def _deliver(self, only: Collection[int] | None) -> None:
        """To these devices, or to all that are connected."""
        there = {connection.device: connection for connection in self._connections}
        asked = [device for device in there if device is not None and (only is None or device in only)]
        if not asked:
            return
        try:
            due = await asyncio.to_thread(repeated, lambda session: commands.deliver(session, asked))
        except SQLAlchemyError as error:
            log.error("commands_not_delivered", reason=failures.reason(error))
            return
        for device, sent in due.items():
            for message in sent:
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await there[device].send(message)
                except (TimeoutError, RuntimeError, OSError):
                    break  # it is gone, or reads nothing; the command is sent again when it is back

    async def _listen(self) -> None:
        while True:
            client = make_async_redis()
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(commands.CHANNEL)
                    async for message in subscription.listen():
                        self._hinted.add(int(message["data"]))
                        self._hint.set()
            except redis.RedisError as error:
                log.warning("hints_not_heard", reason=type(error).__name__)
            finally:
                await client.aclose()
            await asyncio.sleep(REDIS_PAUSE_SECONDS)
