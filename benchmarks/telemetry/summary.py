"""The summary of 500 shops with 2,000 machines, each with two weeks of days and its newest values.

`python -m benchmarks.telemetry.summary --help`; `benchmarks/README.md` says what each line means.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from sqlalchemy import Engine, text

from benchmarks.cpu import own_seconds
from benchmarks.migration import instance
from benchmarks.telemetry.caller import administrator
from signalcraft.clock import iso, utc_now
from signalcraft.db.engine import make_owner_engine

SHOPS, MACHINES, DAYS = 500, 2_000, 30
AT_LEAST_MS, AIM_MS = 50.0, 15.0

_FLEET = """
INSERT INTO shops (name) SELECT 'Shop ' || n FROM generate_series(1, :shops) n;
INSERT INTO machines (name, shop_id) SELECT 'Machine ' || n, 1 + (n - 1) % :shops
    FROM generate_series(1, :machines) n;
INSERT INTO devices (device_id, machine_id, last_seen_at)
    SELECT 'BENCH-' || id, id, now() - CASE WHEN id % 20 = 0 THEN interval '1 day' ELSE interval '1 s' END
    FROM machines;
INSERT INTO device_states (device_id, rhythm_s, last_received_at, measured_at, temperature_c, vibration_x,
    vibration_y, vibration_z, power_percent, audio_level)
    SELECT id, 1, now(), now(), -18 - random(), 0.05, 0.05, 1, 40 + random() * 40, 100 + random() * 900
    FROM devices;
INSERT INTO device_gravity SELECT id, '2000-01-01Z', 0, 0, 1 FROM devices;
INSERT INTO readings_day SELECT id, at, 86400, 10, 5, 1440, 86400, 0, 0, 86400,
    86400, -19, -17, -1555200, 27993600, decode(repeat('00', 120), 'hex'),
    86400, 0, 1, 8640, 1000, decode(repeat('00', 120), 'hex'),
    86400, 40, 80, 4320000 + 100000 * random(), 3e8, decode(repeat('00', 120), 'hex'),
    86400, 100, 900, 43200000, 3e10, decode(repeat('00', 120), 'hex')
    FROM devices, generate_series(date_trunc('day', now()) - make_interval(days => :days),
        date_trunc('day', now()), interval '1 day') at;
INSERT INTO alarms (machine_id, condition, severity, raised_at, last_seen_at, cleared_at, summary, advice)
    SELECT id, 'temperature_high', CASE WHEN id % 3 = 0 THEN 'high' ELSE 'low' END,
    now() - random() * interval '20 days', now(), CASE WHEN id % 5 = 0 THEN NULL ELSE now() END,
    '{}', '{}' FROM machines WHERE id % 4 = 0;
"""


@dataclass(frozen=True)
class Figures:
    """Milliseconds from request to answer, in this process: routing, rights, database, adding up, JSON."""

    shops: int
    machines: int
    median_ms: float
    p95_ms: float
    one_shop_p95_ms: float
    cpu_ms: float


def main(
    asks: Annotated[int, typer.Option(min=20, help="How often it is asked for.")] = 300,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on a PostgreSQL of its own in a temporary folder."""
    with instance() as (settings, _):
        _fill(make_owner_engine(settings))
        client, headers = administrator(settings)

        def ask(path: str) -> float:
            began = perf_counter()
            answer = client.get(path, headers=headers)
            assert answer.status_code == 200, answer.data
            return 1000 * (perf_counter() - began)

        before = own_seconds()
        whole = [ask("/api/dashboard/summary") for _ in range(asks)]
        cpu_ms = 1000 * (own_seconds() - before) / asks
        single = [ask(f"/api/dashboard/summary?store_id={1 + n % SHOPS}") for n in range(asks)]
        figures = Figures(
            shops=SHOPS,
            machines=MACHINES,
            median_ms=median(whole),
            p95_ms=float(np.quantile(whole, 0.95)),
            one_shop_p95_ms=float(np.quantile(single, 0.95)),
            cpu_ms=cpu_ms,
        )
    print(f"summary of {SHOPS} shops, {MACHINES:,} machines: median {figures.median_ms:.1f} ms,")
    print(f"  p95 {figures.p95_ms:.1f} ms; at least {AT_LEAST_MS:g} ms, aim {AIM_MS:g} ms")
    print(f"  processor time of this process and PostgreSQL: {figures.cpu_ms:.1f} ms")
    print(f"summary of one shop: p95 {figures.one_shop_p95_ms:.1f} ms")
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")


def _fill(engine: Engine) -> None:
    parameters = {"shops": SHOPS, "machines": MACHINES, "days": DAYS}
    with engine.begin() as connection:
        for statement in filter(str.strip, _FLEET.split(";\n")):
            names = {name: value for name, value in parameters.items() if f":{name}" in statement}
            connection.execute(text(statement), names)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


if __name__ == "__main__":
    typer.run(main)
