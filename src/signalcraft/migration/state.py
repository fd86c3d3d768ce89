"""The schema `legacy`: the archive's tables and the books of the migration.

Made by the command, not by a schema migration: an instance that never had old files has none of it, and
`DROP SCHEMA legacy CASCADE` removes it when nobody needs it any more.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from signalcraft.migration.errors import MigrationError
from signalcraft.migration.survey import Table

LOCK = 0x5C7E16
"""Advisory lock: one migration at a time."""

BOOKS = """
CREATE SCHEMA IF NOT EXISTS legacy;
COMMENT ON SCHEMA legacy IS 'Old SQLite databases, row by row as they were, and how each row was moved';
REVOKE ALL ON SCHEMA legacy FROM PUBLIC;
CREATE TABLE IF NOT EXISTS legacy.runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz, state text NOT NULL DEFAULT 'running', options jsonb NOT NULL, report jsonb);
CREATE TABLE IF NOT EXISTS legacy.files (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path text NOT NULL UNIQUE, prefix text NOT NULL UNIQUE,
    sha256 text, state text NOT NULL DEFAULT 'read', note text);
CREATE TABLE IF NOT EXISTS legacy.tables (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, file_id int NOT NULL REFERENCES legacy.files,
    name text NOT NULL, archive text NOT NULL UNIQUE, columns jsonb NOT NULL, window_rows int NOT NULL,
    UNIQUE (file_id, name));
CREATE TABLE IF NOT EXISTS legacy.windows (
    table_id int NOT NULL REFERENCES legacy.tables, number bigint NOT NULL, last_row_id bigint NOT NULL,
    rows int NOT NULL, digest bytea NOT NULL, inserted int NOT NULL DEFAULT 0, merged int NOT NULL DEFAULT 0,
    duplicate int NOT NULL DEFAULT 0, rejected int NOT NULL DEFAULT 0, PRIMARY KEY (table_id, number));
CREATE TABLE IF NOT EXISTS legacy.outcomes (
    table_id int NOT NULL REFERENCES legacy.tables, row_id bigint NOT NULL, digest bytea NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('inserted', 'merged', 'duplicate', 'rejected')),
    target text, target_id bigint, note text, PRIMARY KEY (table_id, row_id));
CREATE TABLE IF NOT EXISTS legacy.rejects (
    table_id int NOT NULL REFERENCES legacy.tables, row_id bigint NOT NULL, file text NOT NULL,
    "table" text NOT NULL, reason text NOT NULL, raw jsonb NOT NULL, PRIMARY KEY (table_id, row_id));
CREATE TABLE IF NOT EXISTS legacy.duplicates (
    table_id int NOT NULL REFERENCES legacy.tables, row_id bigint NOT NULL, first_row_id bigint NOT NULL,
    same boolean NOT NULL, PRIMARY KEY (table_id, row_id));
CREATE TABLE IF NOT EXISTS legacy.devices (
    raw bytea PRIMARY KEY, device_id int, reason text);
CREATE TABLE IF NOT EXISTS legacy.device_days (
    table_id int NOT NULL REFERENCES legacy.tables, window_number bigint NOT NULL,
    first_row_id bigint NOT NULL, device_id int NOT NULL, day date NOT NULL,
    rows bigint NOT NULL, sums bigint[] NOT NULL,
    PRIMARY KEY (table_id, window_number, first_row_id, device_id, day));
CREATE TABLE IF NOT EXISTS legacy.superseded (
    table_id int NOT NULL REFERENCES legacy.tables, row_id bigint NOT NULL, replaced_at timestamptz NOT NULL
    DEFAULT now(), earlier jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS legacy.documents (
    path text PRIMARY KEY, sha256 bytea NOT NULL, size_bytes bigint NOT NULL, content bytea,
    kind text NOT NULL, outcome jsonb NOT NULL);
"""

SQL_TYPES: Mapping[str, str] = {
    "integer": "bigint",
    "real": "double precision",
    "text": "text",
    "blob": "bytea",
}


@dataclass(frozen=True)
class ArchiveColumn:
    """A column of the archive: `source` as SQLite calls it, `name` as PostgreSQL does."""

    source: str
    name: str
    kind: str


@dataclass(frozen=True)
class Archive:
    """Where one table of one file is kept: `legacy.<relation>`, columns `_rowid`, the table's own, `_odd`.

    `_odd` holds what its column's type cannot: `{"temperature": ["text", "4e2f41"]}` is the storage class and
    the bytes (text, blob), or the number (integer, real), of that value; the column itself is NULL then.
    """

    table_id: int
    file: str
    table: str
    relation: str
    columns: tuple[ArchiveColumn, ...]
    window_rows: int
    """Row ids of one step of work, the same in every run: a window's checksum tells whether it changed."""

    def identifier(self) -> sql.Composable:
        return sql.Identifier("legacy", self.relation)

    def column_names(self) -> list[str]:
        return ["_rowid", *(column.name for column in self.columns), "_odd"]


def connect(parameters: Mapping[str, Any]) -> psycopg.Connection:
    """A connection of the owner outside the pool: statements may be long, commits do not wait for the disk.

    After a crash of the server a window that it had not written yet is simply missing, and done again.

    Parameters
    ----------
    parameters : libpq's, as `db.connection.libpq_parameters` gives them.

    Raises
    ------
    MigrationError
        PostgreSQL does not answer.
    """
    wanted = {
        **parameters,
        "application_name": "signalcraft-migrate-sqlite",
        "options": "-c timezone=UTC -c synchronous_commit=off -c statement_timeout=0",
    }
    try:
        return psycopg.connect(autocommit=True, **wanted)
    except psycopg.OperationalError as error:
        raise MigrationError(f"PostgreSQL does not answer: {str(error).strip()}") from error


def open_books(connection: psycopg.Connection) -> None:
    """Make the schema if it is missing, and keep any other migration out while this connection lives.

    Raises
    ------
    MigrationError
        Another one is running.
    """
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    if not (row and row[0]):
        raise MigrationError("Another migration is running on this database; wait for it to end.")
    with connection.transaction():
        connection.execute(BOOKS)


def register_file(
    connection: psycopg.Connection, path: str, sha256: str, note: str | None
) -> tuple[int, str]:
    """The file's number and the prefix of its archive tables, the same in every run."""
    known = connection.execute("SELECT id, prefix FROM legacy.files WHERE path = %s", [path]).fetchone()
    if known is None:
        taken = {row[0] for row in connection.execute("SELECT prefix FROM legacy.files")}
        prefix = _free_prefix(path, taken)
        known = connection.execute(
            "INSERT INTO legacy.files (path, prefix) VALUES (%s, %s) RETURNING id, prefix", [path, prefix]
        ).fetchone()
    assert known is not None  # noqa: S101  # inserted just now
    connection.execute(
        "UPDATE legacy.files SET sha256 = %s, note = %s, state = 'read' WHERE id = %s",
        [sha256, note, known[0]],
    )
    return int(known[0]), str(known[1])


def register_table(
    connection: psycopg.Connection, file_id: int, file: str, prefix: str, table: Table
) -> Archive:
    """The table's archive, made or widened by the columns that are new."""
    row = connection.execute(
        "SELECT id, archive, columns, window_rows FROM legacy.tables WHERE file_id = %s AND name = %s",
        [file_id, table.name],
    ).fetchone()
    if row is None:
        return _make_archive(connection, file_id, file, prefix, table)
    columns = tuple(ArchiveColumn(**column) for column in row[2])
    known = {column.source for column in columns}
    added = _archive_columns(
        [(c.name, c.kind) for c in table.columns if c.name not in known], {c.name for c in columns}
    )
    if added:
        for column in added:
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    sql.Identifier("legacy", row[1]), sql.Identifier(column.name), _type(column)
                )
            )
        columns = (*columns, *added)
        connection.execute("UPDATE legacy.tables SET columns = %s WHERE id = %s", [_json(columns), row[0]])
    return Archive(row[0], file, table.name, row[1], columns, row[3])


def _make_archive(
    connection: psycopg.Connection, file_id: int, file: str, prefix: str, table: Table
) -> Archive:
    columns = _archive_columns([(column.name, column.kind) for column in table.columns], set())
    relation = _short(f"{prefix}__{table.name}")
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TABLE {} (_rowid bigint PRIMARY KEY, {} _odd json)").format(
                sql.Identifier("legacy", relation),
                sql.SQL("").join(
                    sql.SQL("{} {}, ").format(sql.Identifier(column.name), _type(column))
                    for column in columns
                ),
            )
        )
        row = connection.execute(
            "INSERT INTO legacy.tables (file_id, name, archive, columns, window_rows) "
            "VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [file_id, table.name, relation, _json(columns), table.window_rows],
        ).fetchone()
    assert row is not None  # noqa: S101
    return Archive(row[0], file, table.name, relation, columns, table.window_rows)


def _archive_columns(wanted: Sequence[tuple[str, str]], taken: set[str]) -> tuple[ArchiveColumn, ...]:
    made: list[ArchiveColumn] = []
    taken = taken | {"_rowid", "_odd"}
    for source, kind in wanted:
        name = _short(source.replace("\x00", "") or "_")
        while name in taken:
            name = _short(f"_{name}")
        taken.add(name)
        made.append(ArchiveColumn(source, name, kind))
    return tuple(made)


def _type(column: ArchiveColumn) -> sql.SQL:
    return sql.SQL(SQL_TYPES[column.kind])


def _json(columns: Sequence[ArchiveColumn]) -> Jsonb:
    return Jsonb([asdict(column) for column in columns])


def _free_prefix(path: str, taken: set[str]) -> str:
    """`sensor_data` for data/sensor_data.db; with its folders where two files have the same name."""
    pure = PurePosixPath(path)
    words = [re.sub(r"\W+", "_", word).lower() for word in (*pure.parent.parts, pure.stem)]
    for count in range(1, len(words) + 1):
        prefix = "_".join(words[-count:])[:40]
        if prefix not in taken:
            return prefix
    return f"{words[-1][:30]}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _short(name: str) -> str:
    """Names beyond PostgreSQL's 63 bytes end in a digest, so that two stay two."""
    if len(name.encode()) <= 63:
        return name
    head = name.encode()[:50].decode(errors="ignore")
    return f"{head}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def dumps(value: Any) -> bytes:
    """JSON for a COPY column."""
    return json.dumps(value, ensure_ascii=False).encode()
