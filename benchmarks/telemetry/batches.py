"""Readings in batches over the public port, beside plain COPY of the same rows; then compared row by row.

`python -m benchmarks.telemetry.batches --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

import numpy as np
import psycopg
import typer
from numpy.typing import NDArray
from sqlalchemy import func, select

from benchmarks.cpu import cpu_seconds, host_busy_seconds
from benchmarks.telemetry.fleet import Nodes, nodes
from benchmarks.telemetry.http import Connection
from benchmarks.telemetry.rows import READINGS, VALUES, Rows, Truth, copy_text
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.db.connection import application_url, libpq_parameters
from signalcraft.db.session import unit_of_work
from signalcraft.settings import Settings
from signalcraft.telemetry.binary import fetch
from signalcraft.telemetry.columns import FIELDS
from signalcraft.telemetry.models import Reading

DEVICES = 200
FIRST_DAY_AGO = 25
"""Past days that retention keeps; one for each 17 million rows."""
DAYS = 12
COPY_DAY_AGO = 27
COPY_ROWS = 50_000
COPY_ROUNDS = 20
AT_LEAST_VALUES, AIM_VALUES = 20_000, 45_000
AT_LEAST_SHARE, AIM_SHARE = 0.2, 0.5


@dataclass(frozen=True)
class Figures:
    """What was measured; rows and values a second."""

    seconds: float
    rows: int
    rows_per_s: float
    values_per_s: float
    copy_rows_per_s: float
    share_of_copy: float
    batch_median_s: float
    batch_p99_s: float
    refused: dict[str, int]
    missing: int
    wrong: int
    unexpected: int
    cpu_us_per_row: dict[str, float]
    generator_cores: float
    other_cores: float


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long batches are sent.")] = 600.0,
    clients: Annotated[int, typer.Option(min=1, help="Senders, each with one batch under way.")] = 6,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    settings = local_settings()
    today = utc_now().date()
    days = [today - timedelta(days=FIRST_DAY_AGO - ahead) for ahead in range(DAYS)]
    with nodes(settings, DEVICES, [*days, today - timedelta(days=COPY_DAY_AGO)]) as fleet:
        figures = _measure(settings, fleet, days, seconds, clients)
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if figures.missing or figures.wrong or figures.unexpected:
        sys.exit("Not every acknowledged reading is there once, as it was sent.")


def _measure(settings: Settings, fleet: Nodes, days: Sequence[date], seconds: float, clients: int) -> Figures:
    rows = Rows(fleet.names, days)
    copied = _copy(settings, rows, fleet, days[0])
    before, host_before, own_before = cpu_seconds(), host_busy_seconds(), process_time()
    sent = asyncio.run(_send(public_url(settings, settings.api_port), rows, seconds, clients))
    host, own = host_busy_seconds() - host_before, process_time() - own_before
    spent = {name: used - before.get(name, 0.0) for name, used in cpu_seconds().items()}
    copied_rows = COPY_ROUNDS * COPY_ROWS
    missing, wrong, unexpected = compare(rows, fleet, sent.acknowledged, sent.offered, copied_rows)
    number = len(sent.acknowledged) * READINGS
    return Figures(
        seconds=sent.seconds,
        rows=number,
        rows_per_s=number / sent.seconds,
        values_per_s=number * VALUES / sent.seconds,
        copy_rows_per_s=copied,
        share_of_copy=number / sent.seconds / copied,
        batch_median_s=float(np.median(sent.times_s)),
        batch_p99_s=float(np.percentile(sent.times_s, 99)),
        refused=sent.refused,
        missing=missing,
        wrong=wrong,
        unexpected=unexpected,
        cpu_us_per_row={name: used / number * 1e6 for name, used in spent.items()},
        generator_cores=own / sent.seconds,
        other_cores=(host - own - sum(spent.values())) / sent.seconds,
    )


class Sent:
    """What was sent, and what became of it."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.times_s: list[float] = []
        self.refused: dict[str, int] = {}
        self.offered = 0
        self.seconds = 0.0

    def refuse(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1


async def _send(origin: str, rows: Rows, seconds: float, clients: int) -> Sent:
    sent, start = Sent(), perf_counter()

    async def keep_sending() -> None:
        connection = Connection(origin)
        while perf_counter() - start < seconds and sent.offered < rows.batches:
            batch = sent.offered
            sent.offered += 1
            body = rows.body(batch)
            began = perf_counter()
            try:
                answer = await connection.post("/api/iot/sensors/data/batch", body)
            except (OSError, asyncio.IncompleteReadError) as error:
                sent.refuse(type(error).__name__)
                continue
            sent.times_s.append(perf_counter() - began)
            if answer.status == 200 and answer.document["stored"] == READINGS:
                sent.acknowledged.append(batch)
            else:
                sent.refuse(f"{answer.status} {answer.body[:200]!r}")
                await asyncio.sleep(float(answer.headers.get("retry-after", "0")))
        connection.close()

    await asyncio.gather(*(keep_sending() for _ in range(clients)))
    sent.seconds = perf_counter() - start
    return sent


def _copy(settings: Settings, rows: Rows, fleet: Nodes, first_day: date) -> float:
    """Rows a second of plain COPY as text, one connection, the same rows of another day."""
    shift = -int(timedelta(days=COPY_DAY_AGO - FIRST_DAY_AGO).total_seconds())
    per_copy = COPY_ROWS // READINGS
    texts = [
        b"".join(
            copy_text(rows.truth(batch), fleet.keys, shift)
            for batch in range(portion * per_copy, (portion + 1) * per_copy)
        )
        for portion in range(COPY_ROUNDS)
    ]
    with psycopg.connect(**libpq_parameters(application_url(settings))) as connection:
        began = perf_counter()
        for lines in texts:
            with connection.cursor() as cursor, cursor.copy("COPY readings FROM STDIN") as copy:
                copy.write(lines)
            connection.commit()
        return COPY_ROUNDS * COPY_ROWS / (perf_counter() - began)


def compare(
    rows: Rows, fleet: Nodes, acknowledged: Sequence[int], offered: int, other_rows: int
) -> tuple[int, int, int]:
    """Acknowledged readings that are missing, or other than sent; readings that nobody sent.

    Parameters
    ----------
    acknowledged, offered : batches answered with success; how many there were, numbered from 0.
    other_rows : further readings of these nodes.
    """
    missing = wrong = unexpected = 0
    unanswered = set(range(offered)) - set(acknowledged)
    for batch in sorted(acknowledged):
        there = _stored(rows.truth(batch), fleet)
        truth = rows.truth(batch)
        keys = np.array(fleet.keys)[truth.device]
        if len(there) == len(keys) and (there["device_id"] == keys).all():
            same = there["measured_at"] == truth.second * 1_000_000
            for place, field in enumerate(FIELDS):
                same &= there[field] == truth.fields[:, place]
            wrong += int((~same).sum())
        else:
            missing += max(len(keys) - len(there), 0)
            unexpected += max(len(there) - len(keys), 0)
    found = _found(rows, fleet, unanswered)
    unexpected += abs(_count(fleet) - other_rows - (len(acknowledged) + len(found)) * READINGS)
    return missing, wrong, unexpected


def _found(rows: Rows, fleet: Nodes, batches: set[int]) -> list[int]:
    """Those of the batches without an answer that were stored all the same, which they may be."""
    return [batch for batch in batches if len(_stored(rows.truth(batch), fleet))]


def _stored(truth: Truth, fleet: Nodes) -> NDArray[np.void]:
    parameters = {
        "devices": [fleet.keys[place] for place in np.unique(truth.device).tolist()],
        "first": int(truth.second.min()),
        "last": int(truth.second.max()),
    }
    query = f"""
        SELECT device_id, measured_at, {", ".join(FIELDS)} FROM readings
         WHERE device_id = ANY(%(devices)s)
           AND measured_at BETWEEN to_timestamp(%(first)s) AND to_timestamp(%(last)s)
         ORDER BY device_id, measured_at
    """  # noqa: S608
    columns = [
        ("device_id", "int4"),
        ("measured_at", "timestamptz"),
        *((field, "float4") for field in FIELDS),
    ]
    with unit_of_work() as session:
        return fetch(session, query, parameters, columns)


def _count(fleet: Nodes) -> int:
    with unit_of_work() as session:
        statement = select(func.count()).select_from(Reading).where(Reading.device_id.in_(fleet.keys))
        return session.scalar(statement) or 0


def _print(figures: Figures) -> None:
    print(
        f"batches   {figures.values_per_s:,.0f} values/s = {figures.rows_per_s:,.0f} readings/s"
        f" for {figures.seconds:.0f} s (at least {AT_LEAST_VALUES:,}, aim {AIM_VALUES:,} values/s)"
    )
    print(
        f"COPY      {figures.copy_rows_per_s:,.0f} rows/s; batches reach {figures.share_of_copy:.0%} of it"
        f" (at least {AT_LEAST_SHARE:.0%}, aim {AIM_SHARE:.0%})"
    )
    print(
        f"a batch   of {READINGS:,} readings: median {figures.batch_median_s * 1000:,.0f} ms,"
        f" p99 {figures.batch_p99_s * 1000:,.0f} ms; refused {figures.refused or 'none'}"
    )
    print(
        f"compared  {figures.rows:,} acknowledged readings: {figures.missing} missing, {figures.wrong} other"
        f" than sent, {figures.unexpected} that nobody sent"
    )
    cpu = sorted(figures.cpu_us_per_row.items(), key=lambda item: -item[1])
    each = ", ".join(f"{name} {used:.2f}" for name, used in cpu if used >= 0.01)
    print(f"processor µs a reading: {each}")
    print(
        f"load generator {figures.generator_cores:.2f} cores, others on this host"
        f" {figures.other_cores:.2f} of {os.cpu_count()}"
    )


if __name__ == "__main__":
    typer.run(main)
