"""The sockets of this process: who is at their other end, who is silent, who came twice under one name."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from starlette.websockets import WebSocket

from signalcraft import metrics
from signalcraft.fleet.admission import Caller
from signalcraft.link import messages
from signalcraft.logging import get_logger

log = get_logger(__name__)

FIRST_MESSAGE_SECONDS = 15.0
"""A node introduces itself at once; who says nothing only holds a socket."""
SILENT_SECONDS = 95.0
"""Three heartbeats of the old firmware, and the time one takes."""
CONNECTIONS_LIMIT = 8_000
"""Sockets of one process: some 60 KB each. Beyond that a node is asked to come back later."""
SWEEP_SECONDS = 5.0

TRY_LATER, RESTARTING, POLICY = 1013, 1012, 1008
"""Reasons to close (RFC 6455 and the registry of IANA)."""


@dataclass(eq=False)
class Connection:
    """One socket.

    caller : who it says it is, None before the first message. device : `devices.id`, None until admitted.
    """

    socket: WebSocket
    key: str | None
    address: str | None
    opened_at: float = field(default_factory=monotonic)
    heard_at: float | None = None
    caller: Caller | None = None
    device: int | None = None

    async def send(self, message: dict[str, object]) -> None:
        """Send, and wait while the node does not read: of one that never does nothing more is read either."""
        await self.socket.send_text(messages.encode(message).decode())

    def is_silent(self, now: float) -> bool:
        if self.heard_at is None:
            return now - self.opened_at > FIRST_MESSAGE_SECONDS
        return now - self.heard_at > SILENT_SECONDS


class Connections:
    """All sockets of this process, and the newest of each name."""

    def __init__(self) -> None:
        self._all: set[Connection] = set()
        self._by_name: dict[str, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        """The newest of each name that was let in."""
        return (connection for connection in self._by_name.values() if connection.device is not None)

    def add(self, connection: Connection) -> None:
        self._all.add(connection)
        metrics.NODES.set(len(self._all))

    def remove(self, connection: Connection) -> None:
        self._all.discard(connection)
        metrics.NODES.set(len(self._all))
        name = connection.caller.device_id if connection.caller else None
        if name is not None and self._by_name.get(name) is connection:
            del self._by_name[name]

    def introduce(self, connection: Connection, caller: Caller) -> None:
        """The socket says who it is; an older one of that name is, as a rule, one that lost its Wi-Fi."""
        connection.caller = caller
        self._by_name[caller.device_id] = connection

    def is_rivalled(self, connection: Connection, caller: Caller) -> bool:
        """Whether another socket has taken the name since this one spoke: two nodes, then, are alive."""
        if self._by_name.get(caller.device_id) is connection:
            return False
        self._by_name[caller.device_id] = connection
        return True

    def close(self, connection: Connection, code: int, reason: str) -> None:
        """Close without waiting for the other end."""
        task = asyncio.create_task(_close(connection, code, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def sweep(self) -> None:
        """Close who is silent, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = monotonic()
            for connection in [one for one in self._all if one.is_silent(now)]:
                self.close(connection, POLICY, "silent for too long")

    async def send_away(self, seconds: float) -> None:
        """Close all before this process stops, one after the other over that time."""
        leaving = list(self._all)
        for connection in leaving:
            self.close(connection, RESTARTING, messages.come_back())
            await asyncio.sleep(seconds / len(leaving))


async def _close(connection: Connection, code: int, reason: str) -> None:
    try:
        await connection.socket.close(code, reason)
    except (RuntimeError, OSError):
        return  # it was closed already
