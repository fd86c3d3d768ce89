"""Ten thousand connections that never finish their request: what others wait meanwhile, and what it costs.

`python -m benchmarks.telemetry.half_open --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, time
from typing import Annotated

import numpy as np
import typer

from benchmarks.cpu import memory_bytes
from benchmarks.telemetry.fleet import nodes
from benchmarks.telemetry.http import Connection
from benchmarks.telemetry.single import BODY
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.operations.ports import LOOPBACK

HALVES = (
    b"POST /api/iot/sensors/data HTTP/1.1\r\nHost: node\r\nContent-Le",
    b"POST /api/iot/sensors/data HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n"
    b'Content-Length: 200\r\n\r\n{"device_id": "HALF',
    b"GET /ws/sensors HTTP/1.1\r\nHost: node\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
)
"""In turns: in the middle of the header, of the body, of the handshake."""
SOURCES = 8
"""Addresses of the loopback that they come from: one has 28,000 ports for each of ours."""
OPENED_AT_ONCE = 200
ASKED_FOR_S = 10.0
CLOSED_WITHIN_S = 60.0
"""The proxy waits 15 s for a header and 20 s for a body."""


@dataclass(frozen=True)
class Figures:
    opened: int
    refused: int
    stored: int
    failed: int
    """Readings of a well-behaved node meanwhile."""
    median_s: float
    most_s: float
    memory_before_bytes: int
    memory_most_bytes: int
    closed_after_s: float | None


def main(
    number: Annotated[int, typer.Option("--sockets", min=1, help="How many stay half open.")] = 10_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Open them to the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    settings = local_settings()
    with nodes(settings, 1) as fleet:
        figures = asyncio.run(_measure(public_url(settings, settings.api_port), fleet.names[0], number))
    print(f"sockets   {figures.opened:,} half open, {figures.refused} refused")
    print(
        f"meanwhile a node stored {figures.stored} readings, {figures.failed} failed:"
        f" median {figures.median_s * 1000:.1f} ms, most {figures.most_s * 1000:.0f} ms"
    )
    print(
        f"memory    {figures.memory_before_bytes / 1e6:,.0f} MB before,"
        f" {figures.memory_most_bytes / 1e6:,.0f} MB at most"
    )
    closed = figures.closed_after_s
    print(f"closed    {'not all' if closed is None else f'all {closed:.0f} s after the last was opened'}")
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if figures.failed or figures.refused or closed is None:
        sys.exit("A well-behaved node was turned away, or half-open connections stayed.")


async def _measure(origin: str, name: str, number: int) -> Figures:
    before = memory_bytes()
    node = Connection(origin)
    open_halves = asyncio.Semaphore(OPENED_AT_ONCE)
    sockets: list[asyncio.StreamReader] = []
    writers: list[asyncio.StreamWriter] = []

    async def half(place: int) -> bool:
        async with open_halves:
            try:
                reader, writer = await asyncio.open_connection(
                    node.host, node.port, local_addr=(f"{LOOPBACK[:-1]}{2 + place % SOURCES}", 0)
                )
                writer.write(HALVES[place % len(HALVES)])
                await writer.drain()
            except OSError:
                return False
        sockets.append(reader)
        writers.append(writer)
        return True

    opened = await asyncio.gather(*(half(place) for place in range(number)))
    last = perf_counter()
    waits, failed, most = [], 0, memory_bytes()
    while perf_counter() - last < ASKED_FOR_S:
        began = perf_counter()
        body = BODY.format(name=name, second=time())
        answer = await node.post("/api/iot/sensors/data", body.encode())
        waits.append(perf_counter() - began)
        failed += answer.status != 200
        await asyncio.sleep(0.05)
    most = max(most, await asyncio.to_thread(memory_bytes))
    closed_after = await _until_closed(sockets, last)
    for writer in writers:
        writer.close()
    return Figures(
        opened=sum(opened),
        refused=number - sum(opened),
        stored=len(waits) - failed,
        failed=failed,
        median_s=float(np.median(waits)),
        most_s=max(waits),
        memory_before_bytes=before,
        memory_most_bytes=most,
        closed_after_s=closed_after,
    )


async def _until_closed(sockets: list[asyncio.StreamReader], since: float) -> float | None:
    """Seconds from then until the server has ended every one; None where it does not."""

    async def ended(reader: asyncio.StreamReader) -> None:
        try:
            while await reader.read(65_536):
                pass
        except OSError:
            return

    try:
        async with asyncio.timeout(CLOSED_WITHIN_S):
            await asyncio.gather(*(ended(reader) for reader in sockets))
    except TimeoutError:
        return None
    return perf_counter() - since


if __name__ == "__main__":
    typer.run(main)
