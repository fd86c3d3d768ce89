"""Whatever is killed: it is back in seconds, and each accepted clip is analysed and told once."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import redis

from signalcraft.clock import iso
from signalcraft.operations import kernel
from system_instance import SystemInstance, system_instance

pytestmark = pytest.mark.system

BACK_SECONDS = 20.0
"""From the kill until a clip sent after it is analysed and told, on a machine that does other things too."""
AWAY = {502, 503, 504}
"""Answers that mean "come again"."""


class Node(threading.Thread):
    """Sends a clip each 0.2 s, again and again until it is taken, as `replay` does."""

    def __init__(self, system: SystemInstance) -> None:
        super().__init__(daemon=True)
        self._url = f"{system.node_url}/api/esp32/audio/upload"
        self._stopping = threading.Event()
        self.accepted: list[str] = []
        self.unexpected: list[str] = []

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:
            for number in count():
                noise = np.random.default_rng(number).normal(0, 900, 16_000).astype("<i2")
                self._send(client, noise.tobytes(), str(iso(datetime.now(UTC))))
                if self._stopping.wait(0.2):
                    return

    def _send(self, client: httpx.Client, pcm: bytes, measured_at: str) -> None:
        headers = {
            "X-Device-ID": "NODE_1",
            "X-Sample-Rate": "16000",
            "X-Bits-Per-Sample": "16",
            "X-Measured-At": measured_at,
        }
        while True:
            try:
                answer = client.post(self._url, content=pcm, headers=headers)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.is_success:
                self.accepted.append(answer.json()["clip_id"])
                return
            if answer.status_code not in AWAY:
                self.unexpected.append(answer.text)
                return
            time.sleep(0.1)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


WORKER = "'s worker"


class Listener(threading.Thread):
    """An SSE client that comes back with the number of the last event it has."""

    def __init__(self, system: SystemInstance, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._url = f"{system.url}/api/notifications/stream?last_event_id=0"
        self._headers = headers
        self.ids: list[int] = []
        self.finished: Counter[str] = Counter()
        self.resets = 0

    def run(self) -> None:
        while True:
            with suppress(httpx.TransportError):
                self._listen()
            time.sleep(0.1)

    def _listen(self) -> None:
        resume = {"Last-Event-ID": str(self.ids[-1])} if self.ids else {}
        with (
            httpx.Client(trust_env=False, timeout=20) as client,
            client.stream("GET", self._url, headers=self._headers | resume) as answer,
        ):
            event_id = None
            for line in answer.iter_lines() if answer.is_success else ():
                name, _, value = line.partition(": ")
                if name == "id":
                    event_id = int(value)
                elif name == "data":
                    self._take(json.loads(value), event_id)
                    event_id = None

    def _take(self, event: dict[str, object], event_id: int | None) -> None:
        if event_id is not None:
            self.ids.append(event_id)
        self.resets += event["type"] == "reset"
        analysis = event.get("analysis")
        if event["type"] == "analysis.finished" and isinstance(analysis, dict):
            self.finished[analysis["clip_id"]] += 1


@pytest.fixture(scope="module")
def system() -> Iterator[SystemInstance]:
    with system_instance() as system:
        started = system.start()
        assert started.returncode == 0, started.stderr
        yield system


@contextmanager
def sent_and_heard(system: SystemInstance) -> Iterator[tuple[Node, Listener]]:
    """A node and a listener while the block runs; afterwards nothing may be missing or doubled."""
    answer = httpx.post(
        f"{system.url}/api/auth/login",
        json={"username": system.username, "password": system.password, "delivery": "body"},
        trust_env=False,
    )
    node = Node(system)
    listener = Listener(system, {"Authorization": f"Bearer {answer.json()['access_token']}"})
    listener.start()
    node.start()
    yield node, listener
    node.stop()
    wait_until(lambda: set(node.accepted) <= set(listener.finished), "every accepted clip is told")
    assert node.unexpected == []
    assert listener.resets == 0
    assert Counter(node.accepted) == listener.finished
    assert listener.ids == list(range(1, len(listener.ids) + 1))


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def leaves(pid: int) -> list[int]:
    """The processes of a tree that have no children: workers, not masters."""
    tree = kernel.tree(pid)
    parents = {process.parent for process in kernel.processes()}
    return sorted(tree - parents)


def killed(system: SystemInstance, name: str, pid: int) -> bool:
    """Whether this process could be killed, or what has taken its place since.

    Who loses the database or the queue to an earlier kill may have begun anew.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, 9)
        return True
    now = system.processes()[name.removesuffix(WORKER)]["pid"]
    with suppress(ProcessLookupError):
        if now:
            os.kill(now, 9)
            return True
    return False


@pytest.mark.timeout(240)
def test_nothing_accepted_is_lost_or_told_twice_whatever_is_killed(system: SystemInstance) -> None:
    pids = {name: process["pid"] for name, process in system.processes().items() if name != "pm2"}
    victims = {
        **{f"{name}{WORKER}": leaves(pid)[0] for name, pid in pids.items() if name.endswith("-blue")},
        **pids,
    }
    with sent_and_heard(system) as (node, listener):
        wait_until(lambda: bool(listener.finished), "the first clip is told")
        for name, pid in victims.items():
            before = len(node.accepted)
            wait_until(lambda n=name, p=pid: killed(system, n, p), f"{name} runs")
            # Not the next one: it may have been on its way when the signal came.
            wait_until(lambda n=before: len(node.accepted) > n + 2, f"clips are taken after {name}")
            later = node.accepted[before + 2]
            wait_until(lambda clip=later: bool(listener.finished[clip]), f"they are told after {name}")
        empty_redis(system)
        wait_until(lambda n=len(node.accepted): len(node.accepted) > n + 2, "clips are taken without Redis")


def empty_redis(system: SystemInstance) -> None:
    url = system.setting("REDIS_URL")
    assert urlsplit(url).hostname == "127.0.0.1"
    with redis.Redis.from_url(url) as server:
        server.flushall()
