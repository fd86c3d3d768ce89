"""Nodes that stay connected and send a reading a second: how long until each is acknowledged as committed.

`python -m benchmarks.telemetry.nodes --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import base64
import json
import os
import random
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import numpy as np
import typer

from benchmarks.cpu import cpu_seconds, host_busy_seconds
from benchmarks.telemetry.fleet import Nodes, measured_at, nodes
from signalcraft.cli.local_instance import local_settings
from signalcraft.clock import iso, utc_now

AT_LEAST, AIM, LIMIT_S = 2_000, 5_000, 0.25
CONNECTING_SECONDS = 10.0
"""Nodes come over this time and not at once."""
PATIENCE_SECONDS = 20.0
CHECKED_NODES = 50
"""Every so many nodes one is compared reading by reading."""


@dataclass(frozen=True)
class Figures:
    nodes: int
    connected: int
    seconds: float
    acknowledged: int
    acknowledged_per_s: float
    median_s: float
    p99_s: float
    longest_s: float
    unanswered: int
    refused: int
    missing: int
    cpu_cores: dict[str, float]
    generator_cores: float
    other_cores: float


class Node:
    """One socket with as little work as possible: a frame is built by hand, its mask is zero."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: dict[int, float] = {}
        self.acknowledged: list[int] = []
        self.times_s: list[float] = []
        self.refused = 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self, port: int) -> None:
        reader, writer = self._streams = await asyncio.open_connection("127.0.0.1", port, limit=8192)
        key = base64.b64encode(random.randbytes(16)).decode()
        writer.write(
            f"GET /ws/sensors HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head.split(b"\r\n", 1)[0], head
        self._send({"type": "device_info", "device_id": self.name, "firmware_version": "1.0.0"})
        await self._frame(reader)

    def send_reading(self, second: int) -> None:
        self.sent[second] = perf_counter()
        self._send(
            {
                "type": "sensor_data",
                "device_id": self.name,
                "measured_at": second,
                "temperature": -18.5,
                "vibration": {"x": 0.1, "y": 0.2, "z": 1.0},
                "power_consumption": 42,
                "audio_level": 130,
            }
        )

    async def listen(self) -> None:
        assert self._streams is not None
        while True:
            answer = json.loads(await self._frame(self._streams[0]))
            if answer["type"] == "sensor_data_received":
                second = answer["measured_at"]
                self.times_s.append(perf_counter() - self.sent.pop(second))
                self.acknowledged.append(second)
            else:
                self.refused += 1

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()

    def _send(self, message: dict[str, object]) -> None:
        assert self._streams is not None
        payload = json.dumps(message).encode()
        size = (
            bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        )
        self._streams[1].write(b"\x81" + size + b"\0\0\0\0" + payload)

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readexactly(2)
        size = head[1]
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)


def main(
    number: Annotated[int, typer.Option("--nodes", min=1, help="Nodes.")] = AIM,
    seconds: Annotated[int, typer.Option(min=1, help="How long each sends.")] = 60,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    settings = local_settings()
    with nodes(settings, number) as fleet:
        figures = asyncio.run(_measure(settings.link_port, fleet, seconds))
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if figures.missing:
        sys.exit("Acknowledged readings are missing.")


async def _measure(port: int, fleet: Nodes, seconds: int) -> Figures:
    connected = [Node(name) for name in fleet.names]
    pause = CONNECTING_SECONDS / len(connected)
    listeners = []
    for node in connected:
        await node.connect(port)
        listeners.append(asyncio.create_task(node.listen()))
        await asyncio.sleep(pause)
    before, host_before, own_before = cpu_seconds(), host_busy_seconds(), process_time()
    start = perf_counter()
    await asyncio.gather(*(_keep_sending(node, start, seconds) for node in connected))
    span = perf_counter() - start
    deadline = perf_counter() + PATIENCE_SECONDS
    while any(node.sent for node in connected) and perf_counter() < deadline:
        await asyncio.sleep(0.1)
    host, own = host_busy_seconds() - host_before, process_time() - own_before
    spent = {name: used - before.get(name, 0.0) for name, used in cpu_seconds().items()}
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    for node in connected:
        node.close()
    times = np.array([time for node in connected for time in node.times_s])
    return Figures(
        nodes=len(connected),
        connected=len(listeners),
        seconds=span,
        acknowledged=len(times),
        acknowledged_per_s=len(times) / span,
        median_s=float(np.median(times)),
        p99_s=float(np.percentile(times, 99)),
        longest_s=float(times.max()),
        unanswered=sum(len(node.sent) for node in connected),
        refused=sum(node.refused for node in connected),
        missing=sum(
            len(set(node.acknowledged) - set(measured_at(key)))
            for node, key in list(zip(connected, fleet.keys, strict=True))[::CHECKED_NODES]
        ),
        cpu_cores={name: used / span for name, used in spent.items()},
        generator_cores=own / span,
        other_cores=(host - own - sum(spent.values())) / span,
    )


async def _keep_sending(node: Node, start: float, seconds: int) -> None:
    """A reading a second, each node at its own moment within the second."""
    first = int(utc_now().timestamp()) - seconds
    offset = random.random()
    for second in range(seconds):
        await asyncio.sleep(start + second + offset - perf_counter())
        node.send_reading(first + second)


def _print(figures: Figures) -> None:
    print(
        f"nodes     {figures.connected:,} connected, each a reading a second for {figures.seconds:.0f} s:"
        f" {figures.acknowledged_per_s:,.0f} acknowledged/s"
    )
    print(
        f"ack       median {figures.median_s * 1000:,.0f} ms, p99 {figures.p99_s * 1000:,.0f} ms, longest"
        f" {figures.longest_s * 1000:,.0f} ms (at least {AT_LEAST:,} nodes, aim {AIM:,}, p99 under"
        f" {LIMIT_S * 1000:.0f} ms)"
    )
    print(
        f"          {figures.refused} refused, {figures.unanswered} unanswered, acknowledged and missing:"
        f" {figures.missing} of one node in {CHECKED_NODES}"
    )
    cpu = sorted(figures.cpu_cores.items(), key=lambda item: -item[1])
    print("cores     " + ", ".join(f"{name} {used:.2f}" for name, used in cpu if used >= 0.005))
    print(
        f"load generator {figures.generator_cores:.2f} cores, others on this host"
        f" {figures.other_cores:.2f} of {os.cpu_count()}"
    )


if __name__ == "__main__":
    typer.run(main)
