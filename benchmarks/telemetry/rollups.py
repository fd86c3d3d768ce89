"""What rolling up costs, against storing the same readings: processor time of this process and of PostgreSQL.

`python -m benchmarks.telemetry.rollups --help`; `benchmarks/README.md` says what each line means.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import numpy as np
import typer
from sqlalchemy import text

from benchmarks.cpu import own_seconds
from benchmarks.migration import instance
from benchmarks.telemetry.fleet import Nodes, nodes
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry import rollups, write_queries
from signalcraft.telemetry.batches import objects
from signalcraft.telemetry.columns import ABSENT, FIELDS, Columns
from signalcraft.telemetry.times import microseconds

DEVICES = 200
AT_LEAST, AIM = 1.0, 0.3


@dataclass(frozen=True)
class Way:
    """Readings that came in groups of a kind; microseconds of processor time a reading."""

    readings: int
    insert_us: float
    mark_us: float
    roll_us: float
    insert_wall_us: float
    roll_wall_us: float

    @property
    def share(self) -> float:
        """Marking and rolling up, against storing without marking."""
        return (self.mark_us + self.roll_us) / self.insert_us


def main(
    minutes: Annotated[
        int, typer.Option(min=1, max=60, help="Of a reading a second from each of 200 nodes.")
    ] = 20,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on a PostgreSQL of its own in a temporary folder."""
    today = utc_now().date()
    days = [today - timedelta(days=back) for back in range(2, 8)]
    with instance() as (settings, _), nodes(settings, DEVICES, days) as fleet:
        _way(fleet, 6, 1, seconds_at_once=60)  # learns gravity, works off what the migrations left
        ways = {
            "a reading a second of each node, 200 together": _way(fleet, 2, minutes, seconds_at_once=1),
            "a minute of each node at once": _way(fleet, 4, minutes, seconds_at_once=60),
        }
    for name, way in ways.items():
        print(
            f"{name}: storing {way.insert_us:.1f} µs a reading, noting {way.mark_us:.2f} µs, "
            f"rolling up {way.roll_us:.2f} µs: {way.share:.2f} x (under {AT_LEAST:g}, aim {AIM:g})"
        )
    if json_file is not None:
        figures = {name: {**asdict(way), "share": way.share} for name, way in ways.items()}
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), "ways": figures}
        json_file.write_text(json.dumps(document, indent=2) + "\n")


def _way(fleet: Nodes, days_ago: int, minutes: int, *, seconds_at_once: int) -> Way:
    """The same readings twice: without marks on one day, with marks on the next."""
    start = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    readings = DEVICES * minutes * 60
    groups = list(_groups(fleet, minutes, seconds_at_once))
    with _measured() as plain:
        _store(groups, microseconds(start - timedelta(days=1)), marked=False)
    with _measured() as noted:
        _store(groups, microseconds(start), marked=True)
    with _measured() as rolled:
        _roll("minute")
    with _measured() as added:
        _roll("hour")
    # Here each minute was added up once. An hour is added up every ten minutes from those it has so far:
    # 10, 20, … 60 of them.
    times = 3.5
    return Way(
        readings=readings,
        insert_us=1e6 * plain[0] / readings,
        mark_us=max(1e6 * (noted[0] - plain[0]) / readings, 0.0),
        roll_us=1e6 * (rolled[0] + times * added[0]) / readings,
        insert_wall_us=1e6 * plain[1] / readings,
        roll_wall_us=1e6 * (rolled[1] + times * added[1]) / readings,
    )


def _groups(fleet: Nodes, minutes: int, seconds_at_once: int) -> Iterator[Columns]:
    """What group commits hold, timed from 0."""
    rng = np.random.default_rng(5)
    for first in range(0, minutes * 60, seconds_at_once):
        count = min(seconds_at_once, minutes * 60 - first)
        rows = DEVICES * count
        second = np.tile(np.arange(first, first + count, dtype=np.int64), DEVICES)
        absent = np.full(rows, ABSENT, np.int64)
        yield Columns(
            received_at=utc_now(),
            device=np.repeat(np.sort(np.array(fleet.keys, np.int32)), count),
            measured_at_us=second * 1_000_000,
            fields=_values(rng, rows).astype(np.float32),
            quality=objects([None] * rows),
            extra=objects([None] * rows),
            boot=absent,
            sequence=absent,
        )


def _store(groups: Sequence[Columns], start_us: int, *, marked: bool) -> None:
    for group in groups:
        columns = replace(group, measured_at_us=group.measured_at_us + start_us)
        with unit_of_work() as session:
            write_queries.insert_new(session, columns)
            if marked:
                rollups.mark(session, columns)


def _values(rng: np.random.Generator, rows: int) -> np.ndarray:
    columns = {
        "temperature_c": rng.normal(-18, 1, rows),
        "vibration_x": rng.normal(0, 0.05, rows),
        "vibration_y": rng.normal(0, 0.05, rows),
        "vibration_z": rng.normal(1, 0.05, rows),
        "power_percent": rng.uniform(40, 60, rows),
        "audio_level": rng.uniform(80, 200, rows),
        "sensor_quality": np.ones(rows),
    }
    return np.stack([columns[field] for field in FIELDS], axis=1)


def _roll(level: Literal["minute", "hour"]) -> None:
    with unit_of_work() as session:
        session.execute(text("UPDATE rollup_marks SET noted_at = noted_at - interval '1 hour'"))
    more = True
    while more:
        with unit_of_work() as session:
            more = rollups.roll(session, level)


@contextmanager
def _measured() -> Iterator[list[float]]:
    """Processor seconds of this process and all below it, and seconds on the clock."""
    figures = [0.0, 0.0]
    began, before = perf_counter(), own_seconds()
    yield figures
    figures[:] = [own_seconds() - before, perf_counter() - began]


if __name__ == "__main__":
    typer.run(main)
