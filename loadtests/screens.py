"""Open event streams, as many screens hold them, and when each event reached each: a process of its own.

`python -m loadtests.screens` reads a `Task` as JSON from its input, says `open` when all streams are, reads
them until its input ends, and leaves what it received in a file. It does as little as possible for each
event: it shares the cores with what it measures.
"""

import asyncio
import json
import re
import resource
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from time import perf_counter
from uuid import UUID

import numpy as np

from signalcraft.accounts.tokens import AccessClaims, issue_access_token
from signalcraft.clock import utc_now

FIRST_ADDRESS = IPv4Address("127.2.0.1")
"""Each screen has an address of its own, as k6's clients have."""
OPENING_SECONDS = 10.0
"""Over which the streams are opened, and not at once."""
QUIET_SECONDS, MOST_SECONDS = 3.0, 60.0
"""After the last event was made, the streams are read until nothing came for so long, not for ever."""
AGAIN_SECONDS = 2.0
"""What the server tells browsers to wait before they come back (`retry:`)."""
SERIAL = re.compile(rb'"serial":(\d+)')
EVENT_ID = re.compile(rb"^id: (\d+)", re.MULTILINE)


@dataclass
class Task:
    """What to open: one stream for each session."""

    host: str
    port: int
    sessions: list[tuple[int, str]]
    """User and session of each."""
    received_file: str


@dataclass
class Screen(asyncio.Protocol):
    """One stream. It comes back when it ends, with the number of its last event, as browsers do."""

    task: Task
    place: int
    received: list[tuple[int, float]] = field(default_factory=list)
    """Serial number and moment (monotonic clock) of each event."""
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    refused: int = 0
    reopened: int = 0
    _waiting: bytes = b""
    _last_id: int | None = None
    _in_answer: bool = False
    _closing: bool = False
    _transport: asyncio.Transport | None = None

    async def open(self) -> None:
        address = str(FIRST_ADDRESS + self.place)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self.task.host, self.task.port, local_addr=(address, 0))

    def close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._waiting, self._in_answer = transport, b"", False
        user, session = self.task.sessions[self.place]
        token = issue_access_token(AccessClaims(user, UUID(session)), utc_now())
        resume = "" if self._last_id is None else f"Last-Event-ID: {self._last_id}\r\n"
        transport.write(
            f"GET /api/notifications/stream HTTP/1.1\r\nHost: {self.task.host}:{self.task.port}\r\n"
            f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n{resume}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        if not self._in_answer:
            data = self._after_head(data)
        *events, self._waiting = (self._waiting + data).split(b"\n\n")
        for event in events:
            if number := EVENT_ID.search(event):
                self._last_id = int(number[1])
            if serial := SERIAL.search(event):
                self.received.append((int(serial[1]), now))

    def _after_head(self, data: bytes) -> bytes:
        """What follows the head of the answer; the lines that frame chunks need no taking apart."""
        head, found, rest = (self._waiting + data).partition(b"\r\n\r\n")
        if not found:
            self._waiting = head
            return b""
        self._waiting, self._in_answer = b"", True
        if b" 200 " in head.split(b"\r\n", 1)[0]:
            self.opened.set()
        else:
            self.refused += 1
        return rest

    def connection_lost(self, _: Exception | None) -> None:
        if not self._closing:
            self.reopened += 1
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._come_back)

    def _come_back(self) -> None:
        if not self._closing:
            self._returning = asyncio.ensure_future(self._try_again())

    async def _try_again(self) -> None:
        try:
            await self.open()
        except OSError:
            self.refused += 1
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._come_back)


async def _watch(task: Task) -> None:
    screens = [Screen(task, place) for place in range(len(task.sessions))]
    pause = OPENING_SECONDS / len(screens)
    for screen in screens:
        await screen.open()
        await asyncio.sleep(pause)
    await asyncio.gather(*(screen.opened.wait() for screen in screens))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await _until_quiet(screens)
    for screen in screens:
        screen.close()
    rows = [(screen.place, *event) for screen in screens for event in screen.received]
    np.save(task.received_file, np.array(rows, dtype=np.float64).reshape(-1, 3))
    said = {"refused": sum(one.refused for one in screens), "reopened": sum(one.reopened for one in screens)}
    print(json.dumps(said), flush=True)


async def _until_quiet(screens: list[Screen]) -> None:
    end, before = perf_counter() + MOST_SECONDS, -1
    while perf_counter() < end and before != (now := sum(len(screen.received) for screen in screens)):
        before = now
        await asyncio.sleep(QUIET_SECONDS)


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    given = json.loads(sys.stdin.readline())
    task = Task(**given)
    assert Path(task.received_file).parent.is_dir()
    asyncio.run(_watch(task))


if __name__ == "__main__":
    main()
