"""A small steady load that remembers what it was told: readings, clips, alarms, pages, open event streams.

Whoever gives something sends it again until it is taken, as nodes do; whoever looks asks at a steady pace,
whether or not the answers come, and counts those that fail.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from time import monotonic, time
from typing import Any

import httpx
import numpy as np

from benchmarks.telemetry.fleet import Nodes
from benchmarks.telemetry.senders import Node, Sender, crowd
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work

SENDERS, CLIP_NODES, LISTENERS = 9, 2, 2
READING_PAUSE_S, CLIP_PAUSE_S, RING_PAUSE_S, STEADY_PAUSE_S = 0.2, 0.7, 1.5, 0.1
PROGRESS_PAUSE_S = 0.5
AGAIN_SECONDS = 0.2
PATIENCE_SECONDS = 10.0
"""A page that takes longer has failed for whoever looks at it."""
STREAM_SILENCE_SECONDS = 20.0
"""The server sends a heartbeat every 15 s."""
AWAY = {429, 502, 503, 504}
"""Answers that mean "come again"; any other that is not a success is one too many."""
WARM_C, LASTED_S = 9.0, 310
"""Beyond the limit, for longer than the limit asks: the second reading rings."""
PAGES = (
    "/api/notifications",
    "/api/alarms",
    "/api/shops",
    "/api/dashboard/overview",
    "/api/dashboard/stores",
    "/api/auth/me",
)


STEADY = ("page", "reading")
"""Kinds of requests that come at their own pace, and once: the share answered is the availability."""


def devices_needed(seconds: float) -> int:
    """How many nodes a run of this length takes: each alarm rings at a node of its own."""
    return SENDERS + CLIP_NODES + 1 + int(seconds / RING_PAUSE_S) + 1


@dataclass
class Given:
    """Something that was given to the system.

    acknowledged_at : seconds of the run; None while it was not. said : what the answer called it.
    """

    device_id: str
    key: int
    measured_at: str
    acknowledged_at: float | None = None
    said: str = ""


@dataclass
class Heard:
    """What one event client has seen: numbers in order, and how often each alarm and analysis was told."""

    ids: list[int] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    """When each of `ids` came, in seconds of the run."""
    raised: Counter[int] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    resets: int = 0
    came: int = 0
    """How often the stream was opened."""

    def take(self, event: dict[str, Any], event_id: int | None, at_s: float) -> None:
        """One event of the stream; `event_id` where it has one."""
        if event_id is not None:
            self.ids.append(event_id)
            self.at_s.append(at_s)
        self.resets += event["type"] == "reset"
        if event["type"] == "alarm.raised":
            self.raised[event["alarm"]["id"]] += 1
        if event["type"] == "analysis.finished":
            self.finished[event["analysis"]["clip_id"]] += 1


class Load:
    """All clients of one run; `origin` is any of the public ports: each of them answers every path."""

    def __init__(self, origin: str, fleet: Nodes) -> None:
        first_us = int((utc_now() - timedelta(hours=12)).timestamp()) * 1_000_000
        self.origin, self.began = origin, monotonic()
        self.senders: list[Sender] = crowd(iter(fleet.names), first_us)
        self.keys = dict(zip(fleet.names, fleet.keys, strict=True))
        self.once: dict[int, float] = {}
        """Moments (µs since 1970) of the readings that are sent once and were acknowledged, and when."""
        self.clips: list[Given] = []
        self.rings: list[Given] = []
        self.listeners = [Heard() for _ in range(LISTENERS)]
        self.asked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.unexpected: list[tuple[float, str]] = []
        self._progress: list[tuple[float, dict[str, int]]] = []
        self._spare = iter(fleet.names[SENDERS:])
        self._clip_names = [next(self._spare) for _ in range(CLIP_NODES)]
        self.once_name, self._first_us = next(self._spare), first_us
        self._username, self._password = _administrator()
        self._token = ""
        self._stop = asyncio.Event()
        for node in self.nodes:
            node.pause_s = READING_PAUSE_S

    @property
    def nodes(self) -> Sequence[Node]:
        """Those that send readings without end."""
        return [node for node, _ in self.senders]

    @property
    def availability(self) -> float:
        """Share of the STEADY requests that were answered without failure."""
        asked, failed = (sum(counts[kind] for kind in STEADY) for counts in (self.asked, self.failed))
        return 1.0 - failed / max(1, asked)

    def now(self) -> float:
        """Seconds of the run."""
        return monotonic() - self.began

    def sent_at(self, node: Node, number: int) -> float:
        """About when this reading of the node was acknowledged, in seconds of the run."""
        known = (at_s for at_s, counts in self._progress if counts[node.device_id] > number)
        return next(known, self.now())

    async def run(self, during: Callable[[], Awaitable[None]], until: Callable[[], Awaitable[None]]) -> None:
        """Be at work while `during` lasts; then give no more, and go on listening while `until` lasts."""
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False, timeout=PATIENCE_SECONDS) as http:
            listening = [asyncio.create_task(self._listen(heard)) for heard in self.listeners]
            try:
                async with asyncio.TaskGroup() as giving:
                    for node, send in self.senders:
                        giving.create_task(send(node, self.origin, self._stop))
                    for name in self._clip_names:
                        giving.create_task(self._send_clips(http, name))
                    giving.create_task(self._ring(http))
                    looking = [
                        giving.create_task(self._look(http)),
                        giving.create_task(self._note_progress()),
                    ]
                    try:
                        await during()
                    finally:
                        self._stop.set()
                        for task in looking:
                            task.cancel()
                await until()
            finally:
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)

    # --- what is given

    async def _send_clips(self, http: httpx.AsyncClient, name: str) -> None:
        chance = np.random.default_rng(self.keys[name])
        while not await self._stopped(CLIP_PAUSE_S):
            given = Given(name, self.keys[name], str(iso(utc_now())))
            self.clips.append(given)
            pcm = chance.normal(0, 900, 16_000).astype("<i2").tobytes()
            headers = {
                "X-Device-ID": name,
                "X-Sample-Rate": "16000",
                "X-Bits-Per-Sample": "16",
                "X-Measured-At": given.measured_at,
            }
            send = partial(http.post, "/api/esp32/audio/upload", content=pcm, headers=headers)
            answer = await self._until_taken("clip", send)
            given.acknowledged_at, given.said = self.now(), answer.get("clip_id", "")

    async def _ring(self, http: httpx.AsyncClient) -> None:
        """One node after the other gets too warm for too long."""
        while not await self._stopped(RING_PAUSE_S):
            name = next(self._spare, None)
            if name is None:
                return
            given = Given(name, self.keys[name], str(iso(utc_now())))
            self.rings.append(given)
            now = time()
            for at in (now - LASTED_S, now):
                message = {"device_id": name, "timestamp": at, "temperature": WARM_C, "vibration": None}
                message |= {"power_consumption": 40, "audio_level": 100}
                await self._until_taken("ring", partial(http.post, "/api/iot/sensors/data", json=message))
            given.acknowledged_at = self.now()

    async def _until_taken(self, kind: str, send: Callable[[], Awaitable[httpx.Response]]) -> dict[str, Any]:
        """The answer of the attempt that was a success; empty where it is told that it is wrong."""
        while True:
            self.asked[kind] += 1
            try:
                answer = await send()
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                document: dict[str, Any] = answer.json()
                return document
            self.failed[kind] += 1
            if answer is not None and answer.status_code not in AWAY:
                self._note(f"{kind}: {answer.status_code} {answer.text[:200]}")
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return {}
            await asyncio.sleep(AGAIN_SECONDS)

    # --- who looks

    async def _look(self, http: httpx.AsyncClient) -> None:
        """A page and a reading at each turn, whether or not those before were answered."""
        chance = random.Random(0)
        async with asyncio.TaskGroup() as asking:
            for number in count():
                asking.create_task(self._ask(http, chance.choice(PAGES)))
                asking.create_task(self._send_once(http, self._first_us + number * 1000))
                await asyncio.sleep(STEADY_PAUSE_S)

    async def _send_once(self, http: httpx.AsyncClient, moment_us: int) -> None:
        """A reading that is given up when it is not taken at once."""
        self.asked["reading"] += 1
        message = {"device_id": self.once_name, "timestamp": moment_us / 1e6, "temperature": -18.0}
        message |= {"vibration": None, "power_consumption": None, "audio_level": None}
        try:
            answer = await http.post("/api/iot/sensors/data", json=message)
        except httpx.TransportError:
            self.failed["reading"] += 1
            return
        if answer.is_success:
            self.once[moment_us] = self.now()
            return
        self.failed["reading"] += 1
        if answer.status_code not in AWAY:
            self._note(f"reading: {answer.status_code} {answer.text[:200]}")

    async def _ask(self, http: httpx.AsyncClient, path: str) -> None:
        self.asked["page"] += 1
        try:
            answer = await http.get(path, headers=await self._signed_in(http))
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = ""
                answer = await http.get(path, headers=await self._signed_in(http))
        except httpx.TransportError:
            self.failed["page"] += 1
            return
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = ""  # the clock has jumped since the sign-in, too
        if not answer.is_success:
            self.failed["page"] += 1
            if answer.status_code not in {*AWAY, httpx.codes.UNAUTHORIZED}:
                self._note(f"{path}: {answer.status_code} {answer.text[:200]}")

    async def _signed_in(self, http: httpx.AsyncClient) -> dict[str, str]:
        """Headers of somebody who is signed in.

        Raises
        ------
        httpx.TransportError
            It is not possible now.
        """
        if not self._token:
            answer = await http.post(
                "/api/auth/login",
                json={"username": self._username, "password": self._password, "delivery": "body"},
                headers={"X-Requested-With": "chaos"},
            )
            if not answer.is_success:
                if answer.status_code not in AWAY:
                    self._note(f"sign-in: {answer.status_code} {answer.text[:200]}")
                raise httpx.ConnectError(f"sign-in was answered with {answer.status_code}")
            self._token = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    async def _listen(self, heard: Heard) -> None:
        """An event client that comes back with the number of the last event it has."""
        timeout = httpx.Timeout(PATIENCE_SECONDS, read=STREAM_SILENCE_SECONDS)
        async with httpx.AsyncClient(base_url=self.origin, trust_env=False, timeout=timeout) as http:
            while True:
                with suppress(httpx.TransportError):
                    await self._read_stream(http, heard)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read_stream(self, http: httpx.AsyncClient, heard: Heard) -> None:
        last = heard.ids[-1] if heard.ids else 0
        headers = await self._signed_in(http) | {"Last-Event-ID": str(last)}
        async with http.stream("GET", "/api/notifications/stream", headers=headers) as answer:
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = ""
            elif not answer.is_success:
                if answer.status_code not in AWAY:
                    self._note(f"stream: {answer.status_code}")
            else:
                heard.came += 1
                event: dict[str, str] = {}
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        event[name] = value
                        continue
                    # Only the empty line ends an event; half of one is given up, and comes again.
                    if "data" in event:
                        number = int(event["id"]) if "id" in event else None
                        heard.take(json.loads(event["data"]), number, self.now())
                    event = {}

    async def _note_progress(self) -> None:
        while True:
            self._progress.append((self.now(), {node.device_id: node.acknowledged for node in self.nodes}))
            await asyncio.sleep(PROGRESS_PAUSE_S)

    async def _stopped(self, after_s: float) -> bool:
        """Wait; whether it is time to stop."""
        try:
            await asyncio.wait_for(self._stop.wait(), after_s)
        except TimeoutError:
            return False
        return True

    def _note(self, what: str) -> None:
        self.unexpected.append((self.now(), what))


def _administrator() -> tuple[str, str]:
    """Somebody who may see everything: name and password."""
    username, password = "chaos", generate_password()
    with unit_of_work() as session:
        session.add(
            User(
                username=username,
                full_name="Chaos (synthetic)",
                role="admin",
                password_hash=hash_password(password),
            )
        )
    return username, password
