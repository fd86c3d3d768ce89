"""Nodes that upload, and the live stream on which somebody sees each diagnosis arrive."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from time import perf_counter, process_time
from typing import Any

import httpx

from signalcraft.simulation.machine import SAMPLE_RATE_HZ, VirtualMachine

CLIP_SECONDS = 10.0
BODIES = 4
"""Different clips a node sends in turn, made before the clock runs."""
PATIENCE_SECONDS = 120.0
"""A diagnosis that takes longer counts as lost."""
UPLOAD_TIMEOUT = httpx.Timeout(60.0)


@dataclass(frozen=True)
class Told:
    """An `analysis.finished` as the stream's client saw it; `at` on the monotonic clock."""

    at: float
    verdict: str | None
    baseline: str


@dataclass(frozen=True)
class Upload:
    """One clip's way; times in seconds on the monotonic clock."""

    began: float
    answered: float
    analysis_id: str | None
    failure: str | None


@dataclass
class Pass:
    """What one pass sent, and what it cost the load generator itself."""

    uploads: list[Upload] = field(default_factory=list)
    seconds: float = 0.0
    generator_cpu_seconds: float = 0.0
    most_at_once: int = 0


class Watcher:
    """A signed-in client of the live stream, which notes when each analysis was told."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(10.0, read=60.0))
        self._credentials = {"username": username, "password": password}
        self._told: dict[str, asyncio.Future[Told]] = {}
        self._connected = asyncio.Event()
        self.told_twice = 0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Watcher"]:
        task = asyncio.create_task(self._watch())
        ready = asyncio.create_task(self._connected.wait())
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task  # raises what went wrong
            yield self
        finally:
            ready.cancel()
            task.cancel()
            await asyncio.gather(task, ready, return_exceptions=True)
            await self._client.aclose()

    async def told(self, analysis_id: str) -> Told | None:
        """The analysis as the stream tells it, or None where it does not in time."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._future(analysis_id)), PATIENCE_SECONDS)
        except TimeoutError:
            return None

    def heard(self, analysis_id: str | None) -> Told | None:
        """The analysis if it has been told already."""
        future = self._told.get(analysis_id or "")
        return future.result() if future is not None and future.done() else None

    def _future(self, analysis_id: str) -> "asyncio.Future[Told]":
        # The event may overtake the upload's answer, which alone says the analysis' id.
        return self._told.setdefault(analysis_id, asyncio.get_running_loop().create_future())

    async def _watch(self) -> None:
        """Read the stream; the server ends it every ten minutes, and it resumes where it was."""
        last_event_id = ""
        while True:
            answer = await self._client.post("/api/auth/login", json=self._credentials)
            answer.raise_for_status()
            resume = {"Last-Event-ID": last_event_id} if last_event_id else {}
            async with self._client.stream("GET", "/api/notifications/stream", headers=resume) as stream:
                stream.raise_for_status()
                async for line in stream.aiter_lines():
                    name, _, value = line.partition(": ")
                    if name == "id":
                        last_event_id = value
                    elif name == "data":
                        self._note(json.loads(value), perf_counter())

    def _note(self, event: dict[str, Any], at: float) -> None:
        if event["type"] == "connected":
            self._connected.set()
        if event["type"] != "analysis.finished":
            return
        future = self._future(event["analysis"]["id"])
        if future.done():
            self.told_twice += 1
        else:
            baseline = event.get("baseline") or {}
            future.set_result(Told(at, event["analysis"]["verdict"], baseline.get("state", "")))


class Node:
    """One device with its compressor; its clips are raw PCM, sent as deployed firmware sends them.

    bodies : clips to send in turn; those of another node save the making of them.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        device_id: str,
        seed: int,
        bodies: Sequence[bytes] | None = None,
    ) -> None:
        self.device_id = device_id
        self._client = client
        self._compressor = VirtualMachine(seed)
        self.bodies = bodies or list(islice(self._clips(2e6), BODIES))
        self._in_turn = cycle(self.bodies)

    def _clips(self, begin: float) -> Iterator[bytes]:
        """Of the running machine, from a time of its own clock on."""
        for number in count():
            at = begin + number * 60.0
            if self._compressor.runs_through(at, CLIP_SECONDS):
                yield self._compressor.clip(at, CLIP_SECONDS).astype("<i2").tobytes()

    def lessons(self) -> Iterator[bytes]:
        """Clips to learn from, all different."""
        return self._clips(1e6)

    async def upload(self, pcm: bytes | None = None) -> Upload:
        body = pcm or next(self._in_turn)
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Device-ID": self.device_id,
            "X-Sample-Rate": str(SAMPLE_RATE_HZ),
            "X-Bits-Per-Sample": "16",
            "X-Priority": "normal",
            "X-Synthetic": "true",
        }
        began = perf_counter()
        try:
            answer = await self._client.post("/api/esp32/audio/upload", content=body, headers=headers)
        except httpx.HTTPError as error:
            return Upload(began, perf_counter(), None, type(error).__name__)
        answered = perf_counter()
        if answer.status_code != 200:
            return Upload(began, answered, None, f"status {answer.status_code}")
        return Upload(began, answered, answer.json()["analysis_id"], None)


class Recorder:
    """Collects a pass; knows how many uploads were under way at once."""

    def __init__(self) -> None:
        self.result = Pass()
        self._under_way = 0
        self._started, self._cpu = perf_counter(), process_time()

    async def upload(self, node: Node) -> Upload:
        self._under_way += 1
        self.result.most_at_once = max(self.result.most_at_once, self._under_way)
        done = await node.upload()
        self._under_way -= 1
        self.result.uploads.append(done)
        return done

    def finish(self) -> Pass:
        self.result.seconds = perf_counter() - self._started
        self.result.generator_cpu_seconds = process_time() - self._cpu
        return self.result


async def one_a_second(nodes: Sequence[Node], watcher: Watcher, seconds: int) -> Pass:
    """A clip each second from the nodes in turn, whether or not the one before was diagnosed."""
    recorder = Recorder()
    start = perf_counter()
    under_way = []
    for second, node in zip(range(seconds), cycle(nodes), strict=False):
        await asyncio.sleep(start + second - perf_counter())
        under_way.append(asyncio.create_task(recorder.upload(node)))
    await _all_told(await asyncio.gather(*under_way), watcher)
    return recorder.finish()


async def closed_loop(nodes: Sequence[Node], watcher: Watcher, seconds: float) -> Pass:
    """All nodes at once, each sending its next clip as soon as the one before is diagnosed."""
    recorder = Recorder()
    end = perf_counter() + seconds

    async def keep_sending(node: Node) -> None:
        while perf_counter() < end:
            await _all_told([await recorder.upload(node)], watcher)

    await asyncio.gather(*map(keep_sending, nodes))
    return recorder.finish()


async def flood(nodes: Sequence[Node], watcher: Watcher, clips: int) -> Pass:
    """All nodes at once, each sending its clips one after the other without waiting for a diagnosis."""
    recorder = Recorder()

    async def keep_sending(node: Node) -> list[Upload]:
        return [await recorder.upload(node) for _ in range(clips)]

    sent = await asyncio.gather(*map(keep_sending, nodes))
    await _all_told([upload for of_node in sent for upload in of_node], watcher)
    return recorder.finish()


async def teach(nodes: Sequence[Node], watcher: Watcher, most_clips: int) -> None:
    """Upload healthy clips until each machine has its baseline.

    Raises
    ------
    RuntimeError
        A machine has none after `most_clips`.
    """

    async def lead_to_baseline(node: Node) -> None:
        for _, pcm in zip(range(most_clips), node.lessons(), strict=False):
            upload = await node.upload(pcm)
            told = await watcher.told(upload.analysis_id) if upload.analysis_id else None
            if told is not None and told.baseline == "ready":
                return
        raise RuntimeError(f"{node.device_id} has no baseline after {most_clips} clips")

    await asyncio.gather(*map(lead_to_baseline, nodes))


async def _all_told(uploads: Iterable[Upload], watcher: Watcher) -> None:
    await asyncio.gather(*(watcher.told(upload.analysis_id) for upload in uploads if upload.analysis_id))
