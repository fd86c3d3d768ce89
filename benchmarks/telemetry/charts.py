"""Charts over a hundred million readings: an hour to a year of one machine, 1,200 pixels wide.

`python -m benchmarks.telemetry.charts --help`; `benchmarks/README.md` says what each line means.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from benchmarks.cpu import own_seconds
from benchmarks.migration import instance
from benchmarks.telemetry.caller import administrator
from benchmarks.telemetry.fleet import Nodes, nodes
from signalcraft.clock import iso, utc_now
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.settings import Settings

DAYS = 30
DEVICES = 40
PIXELS = 1200
RANGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30),
          "year": timedelta(days=365)}  # fmt: skip
AT_LEAST_MS, AIM_MS = 100.0, 30.0
SKETCH_BYTES = 60
"""Ten classes a field: what a minute of a shaking machine fills."""
SPIKE_C = 77.0


@dataclass(frozen=True)
class Chart:
    """Milliseconds from request to answer, in this process: routing, rights, database, reducing, JSON."""

    median_ms: float
    p95_ms: float
    cpu_ms: float
    points: int
    level: str
    spike_seen: bool


@dataclass(frozen=True)
class Index:
    """One day of readings under one kind of index."""

    bytes_per_reading: float
    hour_of_a_device_ms: float


@dataclass(frozen=True)
class Figures:
    readings: int
    devices: int
    charts: dict[str, Chart]
    export_rows: int
    export_seconds: dict[str, float]
    heap_bytes_per_reading: float
    index_bytes_per_reading: float
    bytes_per_minute_row: float
    btree: Index
    brin: Index


def main(
    readings: Annotated[int, typer.Option(min=100_000, help="How many are in the table.")] = 100_000_000,
    asks: Annotated[int, typer.Option(min=20, help="How often each chart is asked for.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on a PostgreSQL of its own in a temporary folder: 12 GB for the full table, made by SQL."""
    with instance() as (settings, _):
        first = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        days = [(first + timedelta(days=day)).date() for day in range(DAYS)]
        with nodes(settings, DEVICES, days) as fleet:
            engine = make_owner_engine(settings)
            step_s = DAYS * 86_400 * DEVICES / readings
            _fill(engine, fleet, first, step_s)
            figures = _measure(settings, engine, fleet, first, asks)
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")


def _fill(engine: Engine, fleet: Nodes, first: datetime, step_s: float) -> None:
    """Readings in the order in which a fleet sends them, and the roll-ups of a year."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        days = [first + timedelta(days=day) for day in range(DAYS)]
        list(pool.map(lambda day: _fill_day(engine, fleet, day, step_s), days))
    _roll(engine, "minute", first - timedelta(days=335), fleet.keys[:1])
    _roll(engine, "minute", first + timedelta(days=DAYS - 2), fleet.keys[1:])  # no chart here shows more
    for level in ("hour", "day"):
        _roll(engine, level, first - timedelta(days=335), fleet.keys)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO rollup_progress VALUES ('minute', now()), ('hour', now()) "
                "ON CONFLICT (level) DO UPDATE SET noted_before = now()"
            )
        )
        connection.execute(
            text(
                "UPDATE readings_hour SET temperature_c_max = :spike WHERE device_id = :device AND at = :at"
            ),
            {"spike": SPIKE_C, "device": fleet.keys[0], "at": first - timedelta(days=100)},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE readings, readings_minute, readings_hour, readings_day"))


def _fill_day(engine: Engine, fleet: Nodes, day: datetime, step_s: float) -> None:
    """A day's table anew, without a log and with its index made at once: a third of the time."""
    name = f"readings_{day:%Y%m%d}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE UNLOGGED TABLE new_{name} (LIKE readings INCLUDING DEFAULTS)"))
        connection.execute(
            text(
                f"INSERT INTO new_{name} SELECT device, at, at + interval '0.2 s', -18 + 2 * random(), "  # noqa: S608
                "random() * 0.1, random() * 0.1, 1 + random() * 0.1, 40 + 20 * random(), "
                "100 + 50 * random(), 1, NULL, NULL "
                "FROM generate_series(cast(:first AS timestamptz), "
                "cast(:first AS timestamptz) + interval '86399.999 s', :step) AS at, "
                "unnest(cast(:devices AS int[])) AS device"
            ),
            {"first": day, "step": timedelta(seconds=step_s), "devices": fleet.keys},
        )
        connection.execute(text(f"ALTER TABLE new_{name} ADD PRIMARY KEY (device_id, measured_at)"))
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE readings"))  # at once: two that got it bit by bit would deadlock
        connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text(f"ALTER TABLE new_{name} RENAME TO {name}"))
        connection.execute(
            text(
                f"ALTER TABLE readings ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{iso(day)}') TO ('{iso(day + timedelta(days=1))}')"
            )
        )


def _roll(
    engine: Engine, level: str, start: datetime, keys: Sequence[int], until: datetime | None = None
) -> None:
    field = "60, 40 + random(), 60 + random(), 3000, 150000, decode(repeat('00', :sketch), 'hex')"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO readings_{level} SELECT device, at, 60, 0, 0, 1, 60, 0, 0, 60, "  # noqa: S608
                "60, -18 - random(), -17 + random(), -1050, 18375, decode(repeat('00', :sketch), 'hex'), "
                f"{field}, {field}, {field} FROM generate_series(cast(:start AS timestamptz), "
                f"cast(:until AS timestamptz), interval '1 {level}') AS at, "
                "unnest(cast(:devices AS int[])) AS device ON CONFLICT DO NOTHING"
            ),
            {
                "start": start,
                "until": until or utc_now() - timedelta(hours=1),
                "devices": list(keys),
                "sketch": SKETCH_BYTES,
            },
        )


def _measure(settings: Settings, engine: Engine, fleet: Nodes, first: datetime, asks: int) -> Figures:
    client, headers = administrator(settings)
    with unit_of_work() as session:
        device = session.get_one(Device, fleet.keys[0])
    end = first + timedelta(days=DAYS)
    charts = {
        name: _chart(client, headers, device.machine_id, end - span, end, asks)
        for name, span in RANGES.items()
    }
    export = {}
    rows = 0
    for form in ("csv", "parquet"):
        began = perf_counter()
        path = f"/api/devices/{device.device_id}/readings/export"
        query = {"from": iso(first), "to": iso(end), "format": form}
        with client.get(path, headers=headers, query_string=query) as answer:
            assert answer.status_code == 200, answer.data
            data = answer.data
        export[form] = perf_counter() - began
        rows = data.count(b"\n") - 1 if form == "csv" else rows
    return Figures(
        readings=_one(engine, "SELECT count(*) FROM readings"),
        devices=len(fleet.keys),
        charts=charts,
        export_rows=rows,
        export_seconds=export,
        heap_bytes_per_reading=_bytes_per_row(engine, "readings", "pg_table_size"),
        index_bytes_per_reading=_bytes_per_row(engine, "readings", "pg_indexes_size"),
        bytes_per_minute_row=_bytes_per_row(engine, "readings_minute", "pg_total_relation_size"),
        btree=_index(engine, "PRIMARY KEY (device_id, measured_at)", None, first, fleet.keys[0]),
        brin=_index(engine, None, "USING brin (measured_at)", first, fleet.keys[0]),
    )


def _chart(
    client: FlaskClient, headers: dict[str, str], machine: int, start: datetime, end: datetime, asks: int
) -> Chart:
    """Two points a pixel, its lowest and its highest value."""
    rng = np.random.default_rng(7)
    times = []
    before = own_seconds()
    for _ in range(asks):
        shift = timedelta(seconds=float(rng.uniform(0, 3600)))  # never the same question twice
        query = {"from": iso(start - shift), "to": iso(end - shift), "points": str(2 * PIXELS)}
        began = perf_counter()
        answer = client.get(f"/api/machines/{machine}/readings", headers=headers, query_string=query)
        times.append(1000 * (perf_counter() - began))
        assert answer.status_code == 200, answer.text
    cpu_ms = 1000 * (own_seconds() - before) / asks
    found: dict[str, Any] = answer.get_json()
    return Chart(
        median_ms=median(times),
        p95_ms=float(np.quantile(times, 0.95)),
        cpu_ms=cpu_ms,
        points=len(found["measured_at"]),
        level=found["level"],
        spike_seen=SPIKE_C in found["fields"]["temperature_c"],
    )


def _index(engine: Engine, key: str | None, index: str | None, first: datetime, device: int) -> Index:
    """One day copied into a table with this index alone, an hour of a device read from it."""
    with engine.begin() as connection:
        name = "one_day"
        connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
        connection.execute(text(f"CREATE TABLE {name} (LIKE readings)"))
        if key:
            connection.execute(text(f"ALTER TABLE {name} ADD {key}"))
        if index:
            connection.execute(text(f"CREATE INDEX ON {name} {index}"))
        connection.execute(
            text(f"INSERT INTO {name} SELECT * FROM readings WHERE measured_at >= :a AND measured_at < :b"),  # noqa: S608
            {"a": first, "b": first + timedelta(days=1)},
        )
        connection.execute(text(f"ANALYZE {name}"))
    size = _bytes_per_row(engine, "one_day", "pg_indexes_size")
    with engine.connect() as connection:

        def hour(at: int) -> None:
            connection.execute(
                text(
                    "SELECT measured_at, temperature_c FROM one_day WHERE device_id = :device "
                    "AND measured_at >= :start AND measured_at < :end"
                ),
                {
                    "device": device,
                    "start": first + timedelta(hours=at),
                    "end": first + timedelta(hours=at + 1),
                },
            ).all()

        times = [_timed(hour, at % 24) for at in range(72)]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE one_day"))
    return Index(bytes_per_reading=size, hour_of_a_device_ms=1000 * median(times))


def _timed(work: Callable[[int], None], argument: int) -> float:
    began = perf_counter()
    work(argument)
    return perf_counter() - began


def _bytes_per_row(engine: Engine, table: str, function: str) -> float:
    """Of a table with all its partitions."""
    size = _one(
        engine,
        f"SELECT sum({function}(relid)) FROM pg_partition_tree('{table}') WHERE isleaf",  # noqa: S608
    ) or _one(engine, f"SELECT {function}('{table}')")
    return round(float(size) / max(_one(engine, f"SELECT count(*) FROM {table}"), 1), 1)  # noqa: S608


def _one(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def _print(figures: Figures) -> None:
    print(f"{figures.readings:,} readings of {figures.devices} devices, {DAYS} days; hours of a year")
    for name, chart in figures.charts.items():
        print(
            f"chart of a {name}, {PIXELS} pixels: median {chart.median_ms:.1f} ms, "
            f"p95 {chart.p95_ms:.1f} ms, processor {chart.cpu_ms:.1f} ms, "
            f"{chart.points} points from {chart.level}"
        )
    year = figures.charts["year"]
    print(f"  of a year: at least {AT_LEAST_MS:g} ms, aim {AIM_MS:g} ms; spike seen: {year.spike_seen}")
    for form, seconds in figures.export_seconds.items():
        print(f"export of {figures.export_rows:,} readings as {form}: {seconds:.1f} s")
    print(
        f"bytes per reading: {figures.heap_bytes_per_reading:g} in the table, "
        f"{figures.index_bytes_per_reading:g} in its index; "
        f"a minute rolled up {figures.bytes_per_minute_row:g}"
    )
    for name, index in (("B-tree (device, time)", figures.btree), ("BRIN (time)", figures.brin)):
        print(
            f"{name}: {index.bytes_per_reading:g} bytes a reading, "
            f"an hour of a device {index.hour_of_a_device_ms:.2f} ms"
        )


if __name__ == "__main__":
    typer.run(main)
