"""Mapping alone, for `benchmarks.migration`: what a worker of it does with one window."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from signalcraft.migration import archive, readings, sources, state, window

TABLE = "sensor_readings"


class Worker:
    """What a process of the pool keeps."""

    connection: psycopg.Connection
    file: Path
    devices: window.Devices
    duplicates: Mapping[int, bool]
    archive: state.Archive


def start_mapping(parameters: Mapping[str, Any], file: Path, archived: state.Archive) -> None:
    Worker.connection, Worker.file, Worker.archive = state.connect(parameters), file, archived
    Worker.devices = {
        bytes(raw): (number, reason, "g")
        for raw, number, reason in Worker.connection.execute(
            "SELECT raw, device_id, reason FROM legacy.devices"
        )
    }
    Worker.duplicates = dict(
        Worker.connection.execute("SELECT row_id, same FROM legacy.duplicates").fetchall()
    )


def map_window(number: int) -> tuple[int, int]:
    """Rows read and rows stored."""
    with sources.opened(Worker.file, immutable=True) as source:
        batch, _ = archive.read(source, Worker.archive, number, has_rowid=True)
    judged = readings.judge(batch, readings.LAYOUTS[TABLE], Worker.devices, Worker.duplicates)
    statement = sql.SQL("COPY readings ({}) FROM STDIN (FORMAT binary)").format(
        sql.SQL(", ").join(map(sql.Identifier, readings.COLUMNS))
    )
    archive.write(Worker.connection, statement, judged.encoded.data)
    return len(batch.row_ids), judged.kept
