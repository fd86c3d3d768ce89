"""A crowd that goes on whatever happens: nodes and people at a given rate, and open event streams.

Every request counts, and is sent once. Whoever has a stream open comes back with the number of the last event
when it ends, as browsers do; in the end each must have seen every event exactly once.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter, time
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import func, select

from benchmarks.stage import Stage
from benchmarks.telemetry.http import Answer, Connection
from benchmarks.telemetry.single import BODY
from signalcraft.accounts import api_tokens
from signalcraft.accounts.access import Principal
from signalcraft.accounts.models import User
from signalcraft.db.session import unit_of_work
from signalcraft.operations.tiers import READING_PATH
from signalcraft.realtime.models import OutboxEvent

UPLOADS_PER_S = 1.0
"""Clips are heavy: two cores hear a few a second, beside everything else."""
CLIP_SECONDS = 2
SAMPLE_RATE_HZ = 16_000
COME_BACK_S = 0.5
"""How long a stream's client waits before it comes back: what the server says (`retry:`)."""
KEPT_S = 60.0
"""Less than the proxy keeps an idle connection (75 s)."""
OVERVIEW_PATH = "/api/dashboard/overview"
NEWS_PATH = "/api/notifications"
QUIET_S = 5.0
"""After the last request until the events are counted."""

Send = Callable[[Connection], Awaitable[Answer]]


@dataclass
class Report:
    """What the crowd has met."""

    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """By kind and what was met in place of an answer."""
    failed_at: list[float] = field(default_factory=list)
    """Seconds since 1970."""
    times_s: list[float] = field(default_factory=list)
    resumed: int = 0
    """Streams that had ended and were opened anew."""
    events: int = 0
    """That each stream had to show."""
    lost: int = 0
    doubled: int = 0

    @property
    def requests(self) -> int:
        return sum(self.sent.values())

    @property
    def failures(self) -> int:
        return sum(self.failed.values())

    def percentile(self, share: float) -> float:
        """Seconds to the answer."""
        return float(np.percentile(self.times_s, share)) if self.times_s else 0.0


class Crowd:
    """Nodes and people of a stage, at the origin of the instance's public ports."""

    def __init__(self, people: Stage, origin: str, node_origin: str) -> None:
        self._stage = people
        self._origin, self._node_origin = origin, node_origin
        self._as_program = {"Authorization": f"Bearer {_token_of(people.username)}"}
        self._second = int(time()) - 86_400
        self._idle: defaultdict[str, list[tuple[float, Connection]]] = defaultdict(list)
        self._seen: list[list[int]] = []
        self.report = Report()

    @asynccontextmanager
    async def at_work(self, rate: float, streams: int) -> AsyncIterator[Report]:
        """The crowd works while the block runs: `rate` requests a second, so many open streams."""
        before = _newest_event()
        self._seen = [[] for _ in range(streams)]
        watching = [asyncio.create_task(self._watch(seen, before)) for seen in self._seen]
        sending = [
            asyncio.create_task(self._keep(rate, self._any_request)),
            asyncio.create_task(self._keep(UPLOADS_PER_S, lambda: ("clip", self._node_origin, self._clip))),
        ]
        try:
            yield self.report
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
            await asyncio.sleep(QUIET_S)
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            self._count_events(before)

    def _count_events(self, before: int) -> None:
        with unit_of_work() as session:
            expected = set(session.scalars(select(OutboxEvent.id).where(OutboxEvent.id > before)))
        # The newest may not have been handed out yet when the streams were closed.
        told = max((seen[-1] for seen in self._seen if seen), default=before)
        expected = {number for number in expected if number <= told}
        self.report.events = len(expected)
        for seen in self._seen:
            self.report.lost += len(expected - set(seen))
            self.report.doubled += len(seen) - len(set(seen))

    async def _keep(self, rate: float, choose: Callable[[], tuple[str, str, Send]]) -> None:
        """Open loop: requests begin when they are due, whether those before have been answered or not."""
        began, number, under_way = perf_counter(), 0, set[asyncio.Task[None]]()
        try:
            while True:
                number += 1
                await asyncio.sleep(max(0.0, began + number / rate - perf_counter()))
                task = asyncio.create_task(self._one(*choose()))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        finally:
            await asyncio.gather(*under_way)

    async def _one(self, kind: str, origin: str, send: Send) -> None:
        connection = self._connection(origin)
        began = perf_counter()
        self.report.sent[kind] += 1
        try:
            answer = await asyncio.wait_for(send(connection), 30.0)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            connection.close()
            self._note_failure(f"{kind}: {type(error).__name__}")
            return
        self.report.times_s.append(perf_counter() - began)
        if answer.status not in {200, 202}:
            self._note_failure(f"{kind}: {answer.status}")
        self._idle[origin].append((perf_counter(), connection))

    def _connection(self, origin: str) -> Connection:
        """A kept one that the server has not closed meanwhile, as browsers and HTTP libraries choose."""
        while self._idle[origin]:
            since, connection = self._idle[origin].pop()
            if perf_counter() - since < KEPT_S:
                return connection
            connection.close()
        return Connection(origin)

    def _note_failure(self, what: str) -> None:
        self.report.failed[what] += 1
        self.report.failed_at.append(time())

    def _any_request(self) -> tuple[str, str, Send]:
        """Mostly nodes; now and then somebody looks at a page."""
        chosen: list[tuple[int, str, str, Send]] = [
            (60, "reading", self._node_origin, self._reading),
            (10, "batch", self._node_origin, self._batch),
            (10, "page", self._origin, lambda each: each.get("/", {"User-Agent": _browser()})),
            (
                10,
                "overview",
                self._origin,
                lambda each: each.get("/api/dashboard/overview", self._as_program),
            ),
            (10, "news", self._origin, lambda each: each.get("/api/notifications", self._as_program)),
        ]
        _, kind, origin, send = random.choices(chosen, [weight for weight, *_ in chosen])[0]
        return kind, origin, send

    async def _reading(self, connection: Connection) -> Answer:
        return await connection.post(READING_PATH, self._body().encode())

    async def _batch(self, connection: Connection) -> Answer:
        body = "[" + ",".join(self._body() for _ in range(20)) + "]"
        return await connection.post("/api/iot/sensors/data/batch", body.encode())

    def _body(self) -> str:
        """Another reading each time."""
        self._second += 1
        return BODY.format(name=random.choice(self._stage.device_ids), second=self._second)

    async def _clip(self, connection: Connection) -> Answer:
        headers = {
            "X-Device-ID": random.choice(self._stage.device_ids),
            "X-Sample-Rate": str(SAMPLE_RATE_HZ),
            "X-Bits-Per-Sample": "16",
        }
        noise = np.random.default_rng().normal(0, 500, CLIP_SECONDS * SAMPLE_RATE_HZ).astype("<i2").tobytes()
        kind = "application/octet-stream"
        return await connection.post("/api/esp32/audio/upload", noise, kind, headers)

    async def _watch(self, seen: list[int], position: int) -> None:
        """One stream's client, from `position` on; what it sees goes into `seen`."""
        while True:
            self.report.sent["stream"] += 1
            try:
                await self._follow(seen, position)
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                self._note_failure(f"stream: {error or type(error).__name__}")
            position = seen[-1] if seen else position
            await asyncio.sleep(COME_BACK_S)
            self.report.resumed += 1

    async def _follow(self, seen: list[int], position: int) -> None:
        """Until the stream ends."""
        parts = urlsplit(self._origin)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            # HTTP/1.0: the events come bare, without chunks around them.
            lines = [*self._as_program.items(), ("Last-Event-ID", str(position))]
            head = "".join(f"{name}: {value}\r\n" for name, value in lines)
            writer.write(f"GET /api/notifications/stream HTTP/1.0\r\nHost: here\r\n{head}\r\n".encode())
            status = (await reader.readline()).split()[1:2]
            if status != [b"200"]:
                raise ValueError(f"answers {status}")
            while (await reader.readline()).strip():
                continue
            while line := await reader.readline():
                name, _, value = line.partition(b": ")
                if name == b"id":
                    seen.append(int(value))
        finally:
            writer.close()


def _browser() -> str:
    return f"Mozilla/5.0 (browser {random.randrange(1000)})"


def _token_of(username: str) -> str:
    with unit_of_work() as session:
        user = session.scalars(select(User).where(User.username == username)).one()
        who = Principal(user_id=user.id, username=username, role="admin")
        _, secret = api_tokens.make_token(
            session,
            who,
            name="benchmark",
            permissions=("fleet.read", "notification.read"),
            shop_ids=None,
            expires_at=None,
        )
    return secret


def _newest_event() -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.max(OutboxEvent.id))) or 0
