"""Readings one at a time over HTTP, each committed before its answer; then counted.

`python -m benchmarks.telemetry.single --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import numpy as np
import typer

from benchmarks.cpu import cpu_seconds, host_busy_seconds
from benchmarks.telemetry.fleet import Nodes, measured_at, nodes
from benchmarks.telemetry.http import Connection
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now

DEVICES = 500
"""As many as a fleet has: of one node without a key 600 messages a minute are taken."""
AT_LEAST, AIM = 1_500, 3_000
BODY = (
    '{{"device_id":"{name}","timestamp":{second},"temperature":-18.5,"vibration":{{"x":0.1,"y":0.2,"z":1.0}},'
    '"power_consumption":42,"audio_level":130}}'
)


@dataclass(frozen=True)
class Figures:
    seconds: float
    readings: int
    readings_per_s: float
    median_s: float
    p99_s: float
    refused: dict[str, int]
    missing: int
    cpu_us_each: dict[str, float]
    generator_cores: float
    other_cores: float


class Sent:
    """Acknowledged moments of each device, in seconds since 1970."""

    def __init__(self, devices: int) -> None:
        self.acknowledged: list[list[int]] = [[] for _ in range(devices)]
        self.times_s: list[float] = []
        self.refused: dict[str, int] = {}
        self.seconds = 0.0


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long readings are sent.")] = 60.0,
    clients: Annotated[int, typer.Option(min=1, help="Nodes that send at once.")] = 64,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    settings = local_settings()
    with nodes(settings, DEVICES) as fleet:
        before, host_before, own_before = cpu_seconds(), host_busy_seconds(), process_time()
        sent = asyncio.run(_send(public_url(settings, settings.api_port), fleet, seconds, clients))
        host, own = host_busy_seconds() - host_before, process_time() - own_before
        spent = {name: used - before.get(name, 0.0) for name, used in cpu_seconds().items()}
        missing = sum(
            len(set(moments) - set(measured_at(key)))
            for key, moments in zip(fleet.keys, sent.acknowledged, strict=True)
        )
    number = len(sent.times_s)
    figures = Figures(
        seconds=sent.seconds,
        readings=number,
        readings_per_s=number / sent.seconds,
        median_s=float(np.median(sent.times_s)),
        p99_s=float(np.percentile(sent.times_s, 99)),
        refused=sent.refused,
        missing=missing,
        cpu_us_each={name: used / number * 1e6 for name, used in spent.items()},
        generator_cores=own / sent.seconds,
        other_cores=(host - own - sum(spent.values())) / sent.seconds,
    )
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if missing:
        sys.exit("Acknowledged readings are missing.")


async def _send(origin: str, fleet: Nodes, seconds: float, clients: int) -> Sent:
    sent, start = Sent(len(fleet.names)), perf_counter()
    # In the past, a second apart, so that each is another reading whenever it is sent.
    first = int(utc_now().timestamp()) - 86_400
    counts = [0] * len(fleet.names)

    async def keep_sending(client: int) -> None:
        """Send for every so-many-th node, one after the other."""
        connection, turns = Connection(origin), cycle(range(client, len(fleet.names), clients))
        while perf_counter() - start < seconds:
            device = next(turns)
            second = first + counts[device]
            counts[device] += 1
            body = BODY.format(name=fleet.names[device], second=second).encode()
            began = perf_counter()
            answer = await connection.post("/api/iot/sensors/data", body)
            if answer.status == 200:
                sent.times_s.append(perf_counter() - began)
                sent.acknowledged[device].append(second)
            else:
                sent.refused[str(answer.status)] = sent.refused.get(str(answer.status), 0) + 1
                await asyncio.sleep(float(answer.headers.get("retry-after", "0")))
        connection.close()

    await asyncio.gather(*(keep_sending(client) for client in range(min(clients, len(fleet.names)))))
    sent.seconds = perf_counter() - start
    return sent


def _print(figures: Figures) -> None:
    print(
        f"single    {figures.readings_per_s:,.0f} readings/s for {figures.seconds:.0f} s, each committed"
        f" before its answer (at least {AT_LEAST:,}, aim {AIM:,})"
    )
    print(f"answer    median {figures.median_s * 1000:,.1f} ms, p99 {figures.p99_s * 1000:,.1f} ms")
    print(f"refused   {figures.refused or 'none'}; acknowledged and missing: {figures.missing}")
    cpu = sorted(figures.cpu_us_each.items(), key=lambda item: -item[1])
    print("processor µs a reading: " + ", ".join(f"{name} {used:.0f}" for name, used in cpu if used >= 1))
    print(
        f"load generator {figures.generator_cores:.2f} cores, others on this host"
        f" {figures.other_cores:.2f} of {os.cpu_count()}"
    )


if __name__ == "__main__":
    typer.run(main)
