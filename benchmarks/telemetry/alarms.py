"""How long a value beyond its limit takes from the answer to its reading until its alarm stands.

`python -m benchmarks.telemetry.alarms --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep, time
from typing import Annotated

import numpy as np
import typer
from sqlalchemy import func, select

from benchmarks.telemetry.fleet import Nodes, nodes
from benchmarks.telemetry.http import Connection
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.realtime.models import OutboxEvent

CONDITION, WARM_C = "temperature_alert", 9.0
LASTED_S = 310
"""Longer than the limit's delay: the second reading is the one that rings."""
AT_MOST_S = 2.0
WAIT_S = 60.0


@dataclass(frozen=True)
class Figures:
    nodes: int
    gap_s: float
    median_s: float
    p99_s: float
    most_s: float
    missing: int


def main(
    number: Annotated[int, typer.Option("--nodes", min=1, help="Nodes whose value passes its limit.")] = 200,
    gap: Annotated[float, typer.Option(min=0, help="Seconds from one to the next; 0: at once.")] = 0.05,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    settings = local_settings()
    with nodes(settings, number) as fleet:
        answered = asyncio.run(_send(public_url(settings, settings.api_port), fleet, gap))
        raised = _raised(fleet)
    waits = [raised[key] - answered[key] for key in fleet.keys if key in raised]
    missing = number - len(waits)
    figures = Figures(
        nodes=number,
        gap_s=gap,
        median_s=float(np.median(waits)),
        p99_s=float(np.percentile(waits, 99)),
        most_s=max(waits),
        missing=missing,
    )
    print(f"alarms    {number} nodes, one every {gap:g} s, from the answer to the reading:")
    print(
        f"          median {figures.median_s:.2f} s, p99 {figures.p99_s:.2f} s, most {figures.most_s:.2f} s"
        f" (at most {AT_MOST_S:g} s)"
    )
    print(f"missing   {missing}")
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if missing:
        sys.exit("Alarms are missing.")


async def _send(origin: str, fleet: Nodes, gap: float) -> dict[int, float]:
    """When the answer to each node's second warm reading was there, by `devices.id`."""
    connection = Connection(origin)
    began = time() - LASTED_S
    for name in fleet.names:
        await _post(connection, name, began)
    connection.close()
    await asyncio.sleep(WAIT_S / 20)  # until the first ones are followed: a storm of their own
    answered: dict[int, float] = {}

    async def ring(name: str, key: int, after: float) -> None:
        await asyncio.sleep(after)
        own = Connection(origin)
        await _post(own, name, time())
        answered[key] = time()
        own.close()

    await asyncio.gather(
        *(ring(*pair, gap * place) for place, pair in enumerate(zip(fleet.names, fleet.keys, strict=True)))
    )
    return answered


async def _post(connection: Connection, name: str, at: float) -> None:
    body = {
        "device_id": name,
        "timestamp": at,
        "temperature": WARM_C,
        "vibration": None,
        "power_consumption": 40,
        "audio_level": 100,
    }
    answer = await connection.post("/api/iot/sensors/data", json.dumps(body).encode())
    if answer.status != 200:
        sys.exit(f"The reading of {name} was answered with {answer.status}.")


def _raised(fleet: Nodes) -> dict[int, float]:
    """When each node's alarm was about to be committed, in seconds since 1970: the last statement of its
    transaction numbers the event that people's screens get. Waits until all are there, or gives up."""
    statement = (
        select(Device.id, func.min(OutboxEvent.created_at))
        .join(Device, Device.machine_id == OutboxEvent.payload["machine_id"].as_integer())
        .where(
            OutboxEvent.type == "alarm.raised",
            OutboxEvent.payload["alarm"]["condition"].as_string() == CONDITION,
            Device.id.in_(fleet.keys),
        )
        .group_by(Device.id)
    )
    deadline = monotonic() + WAIT_S
    while True:
        with unit_of_work() as session:
            found = {row[0]: row[1].timestamp() for row in session.execute(statement)}
        if len(found) == len(fleet.keys) or monotonic() > deadline:
            return found
        sleep(0.5)


if __name__ == "__main__":
    typer.run(main)
