"""The unit of work: one window archived, mapped where it holds readings, and read back.

A window is one transaction, so that a kill at any moment leaves windows that are whole or not there. Windows
whose checksum is the one of last time are only read back; where rows were added behind those known, only
these are brought.
"""

import ctypes
import gc
import hashlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from signalcraft.migration import archive as archives
from signalcraft.migration import readings, sources
from signalcraft.migration.archive import Batch, Gap
from signalcraft.migration.encoding import Encoded
from signalcraft.migration.errors import MigrationError
from signalcraft.migration.state import Archive, connect

_PR_SET_PDEATHSIG = 1

Devices = Mapping[bytes, tuple[int | None, str | None, str]]


@dataclass(frozen=True)
class Job:
    """What a worker process needs to know; everything else it reads itself."""

    copy: Path
    archive: Archive
    number: int
    has_rowid: bool
    layout: str | None
    """Key of `readings.LAYOUTS` where the table holds readings."""
    verify: bool = True


@dataclass(frozen=True)
class Done:
    """What became of a window."""

    table_id: int
    number: int
    rows: int
    changed: int
    """Rows that were archived now; the others were there."""
    gaps: list[Gap] = field(default_factory=list)


class _Worker:
    """The connection of one worker process and what it remembers between windows."""

    parameters: ClassVar[Mapping[str, Any]] = {}
    connection: ClassVar[psycopg.Connection | None] = None
    devices: ClassVar[Devices] = {}


def start(parameters: Mapping[str, Any]) -> None:
    """Make this process a worker: it ends when the migration is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A window is a great many new objects without a cycle among them; looking for one costs a quarter.
    gc.disable()
    _Worker.parameters = parameters
    _Worker.connection = None
    _Worker.devices = {}


def process(job: Job) -> Done:
    """Do one window.

    Raises
    ------
    MigrationError
        What came back from PostgreSQL is not what the file holds, or PostgreSQL is gone.
    """
    try:
        if _Worker.connection is None:
            _Worker.connection = connect(_Worker.parameters)
        return _process(_Worker.connection, job)
    except psycopg.Error as error:
        _Worker.connection = None
        raise MigrationError(
            f"PostgreSQL refused window {job.number} of {job.archive.file} {job.archive.table}: "
            f"{str(error).strip()}. Run the same command again; it goes on here."
        ) from error


def _process(connection: psycopg.Connection, job: Job) -> Done:
    with sources.opened(job.copy, immutable=True) as source:
        batch, gaps = archives.read(source, job.archive, job.number, has_rowid=job.has_rowid)
    encoded = archives.encode(batch, job.archive)
    digest = hashlib.sha256(encoded.data).digest()
    rows = len(batch.row_ids)
    with connection.transaction():
        # After a kill the server may still be busy with this very window for the dead client.
        connection.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [job.archive.table_id, job.number % (1 << 31)]
        )
        known = connection.execute(
            "SELECT rows, last_row_id, digest FROM legacy.windows WHERE table_id = %s AND number = %s",
            [job.archive.table_id, job.number],
        ).fetchone()
        if known and known[2] == digest:
            changed = 0
        elif known and known[0] <= rows and _is_prefix(encoded, known[0], known[2]):
            changed = rows - known[0]
            _add(connection, job, batch, encoded, known[0], digest)
        elif known:
            changed = rows
            _replace(connection, job, batch, encoded, digest)
        else:
            changed = rows
            _add(connection, job, batch, encoded, 0, digest)
    if job.verify or changed:
        _read_back(connection, job, rows, digest)
    return Done(job.archive.table_id, job.number, rows, changed, gaps)


def _is_prefix(encoded: Encoded, rows: int, digest: bytes) -> bool:
    return hashlib.sha256(encoded.first(rows)).digest() == digest


def _add(
    connection: psycopg.Connection, job: Job, batch: Batch, encoded: Encoded, known: int, digest: bytes
) -> None:
    """Archive and map the rows behind the first `known`."""
    archives.copy_in(connection, job.archive, encoded.after(known))
    counts = {"inserted": 0, "merged": 0, "duplicate": 0, "rejected": 0}
    if job.layout:
        new = Batch(batch.row_ids[known:], {name: v[known:] for name, v in batch.columns.items()})
        counts = _map(connection, job, new)
    connection.execute(
        "INSERT INTO legacy.windows AS w "
        "(table_id, number, last_row_id, rows, digest, inserted, merged, duplicate, rejected) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (table_id, number) DO UPDATE SET "
        "last_row_id = excluded.last_row_id, rows = excluded.rows, digest = excluded.digest, "
        "inserted = w.inserted + excluded.inserted, merged = w.merged + excluded.merged, "
        "duplicate = w.duplicate + excluded.duplicate, rejected = w.rejected + excluded.rejected",
        [
            job.archive.table_id,
            job.number,
            batch.row_ids[-1] if batch.row_ids else 0,
            len(batch.row_ids),
            digest,
            *counts.values(),
        ],
    )


def _replace(connection: psycopg.Connection, job: Job, batch: Batch, encoded: Encoded, digest: bytes) -> None:
    """Rows known already were edited or removed at the source: keep how they were, archive how they are."""
    bounds = dict(zip(("first", "last"), archives.window_bounds(job.archive, job.number), strict=True))
    window = sql.SQL("WHERE _rowid BETWEEN {first} AND {last}").format(**bounds)
    name = job.archive.identifier()
    connection.execute(
        sql.SQL("CREATE TEMP TABLE earlier ON COMMIT DROP AS SELECT * FROM {} {}").format(name, window)
    )
    connection.execute(sql.SQL("DELETE FROM {} {}").format(name, window))
    for book, column in (("windows", "number"), ("device_days", "window_number")):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE table_id = %s AND {} = %s").format(
                sql.Identifier("legacy", book), sql.Identifier(column)
            ),
            [job.archive.table_id, job.number],
        )
    if job.layout:
        connection.execute(
            sql.SQL(
                "DELETE FROM legacy.rejects WHERE table_id = %s AND row_id BETWEEN {first} AND {last}"
            ).format(**bounds),
            [job.archive.table_id],
        )
    _add(connection, job, batch, encoded, 0, digest)
    connection.execute(
        sql.SQL(
            "INSERT INTO legacy.superseded (table_id, row_id, earlier) "
            "SELECT %s, e._rowid, to_jsonb(e) FROM earlier e LEFT JOIN {} n ON n._rowid = e._rowid "
            "WHERE to_jsonb(n) IS DISTINCT FROM to_jsonb(e)"
        ).format(name),
        [job.archive.table_id],
    )


def _map(connection: psycopg.Connection, job: Job, batch: Batch) -> dict[str, int]:
    """Judge the rows and store the readings; how many became what."""
    if not batch.row_ids:
        return {"inserted": 0, "merged": 0, "duplicate": 0, "rejected": 0}
    duplicates = {
        row[0]: row[1]
        for row in connection.execute(
            "SELECT row_id, same FROM legacy.duplicates WHERE table_id = %s AND row_id BETWEEN %s AND %s",
            [job.archive.table_id, batch.row_ids[0], batch.row_ids[-1]],
        )
    }
    judged = readings.judge(batch, readings.LAYOUTS[job.layout or ""], _devices(connection), duplicates)
    inserted = _store(connection, judged)
    connection.execute(
        "INSERT INTO rollup_backlog (day) SELECT unnest(%s::date[])",
        [sorted({day for _, day in judged.days})],
    )
    _reject(connection, job, batch, judged.rejects)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY legacy.device_days (table_id, window_number, first_row_id, device_id, day, rows, sums) "
            "FROM STDIN"
        ) as copy,
    ):
        for (device, day), (rows, *sums) in judged.days.items():
            copy.write_row((job.archive.table_id, job.number, batch.row_ids[0], device, day, rows, sums))
    return {
        "inserted": inserted,
        "merged": judged.kept - inserted,
        "duplicate": judged.duplicates,
        "rejected": len(judged.rejects),
    }


def _store(connection: psycopg.Connection, judged: readings.Judged) -> int:
    """COPY straight into `readings`; only if a moment is taken already, by way of a table of its own."""
    columns = sql.SQL(", ").join(map(sql.Identifier, readings.COLUMNS))
    try:
        with connection.transaction():
            archives.write(
                connection,
                sql.SQL("COPY readings ({}) FROM STDIN (FORMAT binary)").format(columns),
                judged.encoded.data,
            )
        return judged.kept
    except psycopg.errors.UniqueViolation:
        pass
    connection.execute("CREATE TEMP TABLE arriving (LIKE readings) ON COMMIT DROP")
    archives.write(
        connection,
        sql.SQL("COPY arriving ({}) FROM STDIN (FORMAT binary)").format(columns),
        judged.encoded.data,
    )
    names = {"columns": columns}
    cursor = connection.execute(
        sql.SQL(
            "INSERT INTO readings ({columns}) SELECT {columns} FROM arriving ON CONFLICT DO NOTHING"
        ).format(**names)
    )
    return cursor.rowcount


def _reject(connection: psycopg.Connection, job: Job, batch: Batch, rejects: list[tuple[int, str]]) -> None:
    if not rejects:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy('COPY legacy.rejects (table_id, row_id, file, "table", reason, raw) FROM STDIN') as copy,
    ):
        for place, reason in rejects:
            raw = Jsonb(archives.raw_document(batch.row(place)))
            copy.write_row(
                (job.archive.table_id, batch.row_ids[place], job.archive.file, job.archive.table, reason, raw)
            )


def _devices(connection: psycopg.Connection) -> Devices:
    if not _Worker.devices:
        _Worker.devices = {
            bytes(raw): (number, reason, unit or "g")
            for raw, number, reason, unit in connection.execute(
                "SELECT o.raw, o.device_id, o.reason, d.vibration_unit FROM legacy.devices o "
                "LEFT JOIN devices d ON d.id = o.device_id"
            )
        }
    return _Worker.devices


def _read_back(connection: psycopg.Connection, job: Job, rows: int, digest: bytes) -> None:
    stored, stored_digest = archives.digest_of_stored(connection, job.archive, job.number)
    if (stored, stored_digest) != (rows, digest):
        raise MigrationError(
            f"{job.archive.file} {job.archive.table}, rows from {job.number * job.archive.window_rows}: "
            f"the file has {rows} rows, the archive {stored}, and their checksums differ."
        )
