"""Nodes that hold a WebSocket and send a reading a second, in a process of their own.

`python -m loadtests.sockets` reads a `Task` as JSON from its input and prints an `Acknowledged` as JSON.
"""

import asyncio
import json
import random
import resource
import sys
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np

from benchmarks.telemetry.nodes import Node
from signalcraft.clock import utc_now

CONNECTING_SECONDS = 3.0
PATIENCE_SECONDS = 10.0


@dataclass
class Task:
    port: int
    devices: list[str]
    seconds: int


@dataclass(frozen=True)
class Acknowledged:
    """Readings of connected nodes; times in ms from the send until the acknowledgement was read."""

    nodes: int
    sent: int
    acknowledged: int
    refused: int
    mean_ms: float
    median_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float

    @property
    def lost(self) -> int:
        """Sent and never answered."""
        return self.sent - self.acknowledged - self.refused


async def _send(task: Task) -> Acknowledged:
    nodes = [Node(name) for name in task.devices]
    listeners = []
    for node in nodes:
        await node.connect(task.port)
        listeners.append(asyncio.create_task(node.listen()))
        await asyncio.sleep(CONNECTING_SECONDS / len(nodes))
    start = perf_counter()
    await asyncio.gather(*(_keep_sending(node, start, task.seconds) for node in nodes))
    deadline = perf_counter() + PATIENCE_SECONDS
    while any(node.sent for node in nodes) and perf_counter() < deadline:
        await asyncio.sleep(0.1)
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    for node in nodes:
        node.close()
    times = np.array([time for node in nodes for time in node.times_s] or [0.0]) * 1000
    return Acknowledged(
        nodes=len(nodes),
        sent=len(nodes) * task.seconds,
        acknowledged=sum(len(node.acknowledged) for node in nodes),
        refused=sum(node.refused for node in nodes),
        mean_ms=float(times.mean()),
        median_ms=float(np.median(times)),
        p95_ms=float(np.percentile(times, 95)),
        p99_ms=float(np.percentile(times, 99)),
        longest_ms=float(times.max()),
    )


async def _keep_sending(node: Node, start: float, seconds: int) -> None:
    """A reading a second, each node at its own moment within the second."""
    first, offset = int(utc_now().timestamp()) - seconds, random.random()  # noqa: S311  # spread, no secret
    for second in range(seconds):
        await asyncio.sleep(start + second + offset - perf_counter())
        node.send_reading(first + second)


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(asdict(asyncio.run(_send(Task(**json.loads(sys.stdin.read())))))))


if __name__ == "__main__":
    main()
