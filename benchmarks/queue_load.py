"""Clients that upload, and what others notice meanwhile, for `queue_decision`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from time import perf_counter, process_time

import httpx
import numpy as np

from benchmarks.load import UPLOAD_TIMEOUT, Node, Watcher
from benchmarks.stage import Stage
from benchmarks.telemetry.single import BODY
from signalcraft.clock import utc_now

SIGN_IN_EVERY_S = 0.5
READING_EVERY_S = 0.1

Diagnosed = Callable[[Node], Awaitable[tuple[float, float]]]
"""Uploads a clip; seconds until the upload was answered, and until its diagnosis was there.

Raises UploadFailedError where either did not come.
"""


class UploadFailedError(Exception):
    """A clip was refused, or nobody knows what became of it."""


@dataclass(frozen=True)
class Times:
    """Of one kind of request; seconds, None where there was none."""

    done: int
    failed: int
    median_s: float | None
    p95_s: float | None


@dataclass
class Seen:
    """Collects them."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def times(self) -> Times:
        if not self.seconds:
            return Times(0, self.failed, None, None)
        median, p95 = np.percentile(self.seconds, [50, 95])
        return Times(len(self.seconds), self.failed, float(median), float(p95))


@dataclass(frozen=True)
class Cell:
    """So many clients for some seconds: what they got, and what others noticed meanwhile."""

    arm: str
    clients: int
    clips_per_s: float
    diagnosis: Times
    upload: Times
    sign_in: Times
    reading: Times
    cpu_ms_per_clip: float
    """Of all processes of the system."""
    generator_cores: float


class Bystanders:
    """Somebody signs in twice a second, a node sends ten readings: in open loop, whatever the answers."""

    def __init__(self, gateway: str, ready: Stage) -> None:
        self._people = httpx.AsyncClient(base_url=gateway, timeout=UPLOAD_TIMEOUT)
        self._credentials = {
            "username": ready.username,
            "password": ready.password,
            "delivery": "body",
        }
        self._device = ready.device_ids[0]
        self._addresses: Iterator[str] = (str(IPv4Address("198.18.0.1") + n) for n in count())  # RFC 2544
        self._seconds = count(int(utc_now().timestamp()) - 80_000)

    @asynccontextmanager
    async def watching(self, api: str) -> AsyncIterator[tuple[Seen, Seen]]:
        """Sign-ins and readings while the block runs; `api` is the tier that takes the readings."""
        sign_ins, readings = Seen(), Seen()
        async with httpx.AsyncClient(base_url=api, timeout=UPLOAD_TIMEOUT) as nodes:
            tasks = [
                asyncio.create_task(_repeat(self._sign_in, SIGN_IN_EVERY_S, sign_ins)),
                asyncio.create_task(_repeat(lambda: self._send(nodes), READING_EVERY_S, readings)),
            ]
            yield sign_ins, readings
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self._people.aclose()

    async def _sign_in(self) -> httpx.Response:
        return await self._people.post(
            "/api/auth/login", json=self._credentials, headers={"X-Forwarded-For": next(self._addresses)}
        )

    async def _send(self, nodes: httpx.AsyncClient) -> httpx.Response:
        body = BODY.format(name=self._device, second=next(self._seconds))
        headers = {"Content-Type": "application/json"}
        return await nodes.post("/api/iot/sensors/data", content=body, headers=headers)


def inside_request() -> Diagnosed:
    """The answer to the upload is the diagnosis."""

    async def send(node: Node) -> tuple[float, float]:
        upload = await node.upload()
        if upload.failure is not None:
            raise UploadFailedError(upload.failure)
        return upload.answered - upload.began, upload.answered - upload.began

    return send


def through_queue(watcher: Watcher) -> Diagnosed:
    """The diagnosis is told on the live stream."""

    async def send(node: Node) -> tuple[float, float]:
        upload = await node.upload()
        if upload.failure is not None or upload.analysis_id is None:
            raise UploadFailedError(upload.failure)
        told = await watcher.told(upload.analysis_id)
        if told is None:
            raise UploadFailedError("no diagnosis")
        return upload.answered - upload.began, told.at - upload.began

    return send


async def measure(
    arm: str,
    nodes: list[Node],
    diagnosed: Diagnosed,
    bystanders: Bystanders,
    api: str,
    *,
    seconds: float,
    cpu_seconds: Callable[[], float],
) -> Cell:
    """Each node sends its next clip as soon as its last one is diagnosed (closed loop)."""
    uploads, diagnoses = Seen(), Seen()
    began, cpu, own = perf_counter(), cpu_seconds(), process_time()

    async def keep_sending(node: Node) -> None:
        while perf_counter() - began < seconds:
            try:
                upload_s, diagnosis_s = await diagnosed(node)
            except UploadFailedError:
                diagnoses.failed += 1
                continue
            uploads.seconds.append(upload_s)
            diagnoses.seconds.append(diagnosis_s)

    async with bystanders.watching(api) as (sign_ins, readings):
        await asyncio.gather(*map(keep_sending, nodes))
        if not nodes:
            await asyncio.sleep(seconds)
    passed, done = perf_counter() - began, len(diagnoses.seconds)
    return Cell(
        arm=arm,
        clients=len(nodes),
        clips_per_s=done / passed,
        diagnosis=diagnoses.times(),
        upload=uploads.times(),
        sign_in=sign_ins.times(),
        reading=readings.times(),
        cpu_ms_per_clip=1000 * (cpu_seconds() - cpu) / done if done else 0.0,
        generator_cores=(process_time() - own) / passed,
    )


async def _repeat(ask: Callable[[], Awaitable[httpx.Response]], every_s: float, seen: Seen) -> None:
    """Begin one request after the other at fixed times until cancelled, then leave what is under way."""
    start = perf_counter()
    under_way = set[asyncio.Task[None]]()

    async def once() -> None:
        began = perf_counter()
        try:
            (await ask()).raise_for_status()
        except httpx.HTTPError:
            seen.failed += 1
        else:
            seen.seconds.append(perf_counter() - began)

    try:
        for number in count():
            await asyncio.sleep(start + number * every_s - perf_counter())
            task = asyncio.create_task(once())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    finally:
        await asyncio.gather(*under_way)
