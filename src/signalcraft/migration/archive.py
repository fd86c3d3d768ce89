"""One window of one table: read from the copy, kept verbatim, read back and compared."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from signalcraft.migration import encoding
from signalcraft.migration.errors import MigrationError
from signalcraft.migration.sources import identifier
from signalcraft.migration.state import Archive, dumps

_CLASS_OF: Mapping[type, str] = {int: "integer", float: "real", bytearray: "text", bytes: "blob"}
_TYPE_OF: Mapping[str, type] = {name: kind for kind, name in _CLASS_OF.items()}

_MESSAGES = 4096
"""Rows hashed at a time."""

Value = int | float | bytearray | bytes | None
"""As SQLite stores it; TEXT is a `bytearray`, BLOB is `bytes` (`sources.opened`)."""


@dataclass(frozen=True)
class Gap:
    """Row ids that a damaged page hides."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """Rows of one window, by column."""

    row_ids: list[int]
    columns: dict[str, Sequence[Value]]
    """Column name in SQLite to the values; what the archive knows and the file has not is missing."""

    _types: dict[str, set[type]] = field(default_factory=dict)
    _numbers: dict[str, NDArray[np.float64] | None] = field(default_factory=dict)

    def row(self, place: int) -> dict[str, Value]:
        return {name: values[place] for name, values in self.columns.items()}

    def types(self, name: str) -> set[type]:
        """Which types the column's values have."""
        if name not in self._types:
            self._types[name] = set(map(type, self.columns[name]))
        return self._types[name]

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """A column of numbers and NULLs (NaN) as an array; None where it holds anything else."""
        if name not in self._numbers:
            values = self.columns[name]
            plain = self.types(name) <= {int, float, type(None)}
            self._numbers[name] = np.array(values, np.float64) if plain else None
        return self._numbers[name]


def windows(connection: sqlite3.Connection, archive: Archive, has_rowid: bool) -> Iterator[int]:
    """Numbers of the windows that hold rows: window n is the row ids from n x `window_rows` on.

    Bounds are the same in every run, so that a window's checksum tells whether anything in it changed.
    """
    if not has_rowid:
        (count,) = connection.execute(f"SELECT count(*) FROM {identifier(archive.table)}").fetchone()  # noqa: S608
        yield from range(-(-count // archive.window_rows))
        return
    first = -(1 << 63)
    while True:
        try:
            found = connection.execute(
                f"SELECT rowid FROM {identifier(archive.table)} WHERE rowid >= ? ORDER BY rowid LIMIT 1",  # noqa: S608
                [first],
            ).fetchone()
        except sqlite3.DatabaseError:
            yield from _windows_past_damage(connection, archive, first)
            return
        if found is None:
            return
        number = found[0] // archive.window_rows
        yield number
        first = (number + 1) * archive.window_rows
        if first >= 1 << 63:
            return


def read(
    connection: sqlite3.Connection, archive: Archive, number: int, *, has_rowid: bool
) -> tuple[Batch, list[Gap]]:
    """The rows of a window, in order of row id, and what a damaged page hides of it."""
    names = [
        name.decode("utf-8", "replace")
        for _, name, *_ in connection.execute(f"PRAGMA table_info({identifier(archive.table)})")
    ]
    listed = ", ".join(identifier(name) for name in names)
    first = number * archive.window_rows
    gaps: list[Gap] = []
    if has_rowid:
        # `rowid` may be the name of an ordinary column; one of the three is free.
        key = next(word for word in ("rowid", "_rowid_", "oid") if word not in {n.lower() for n in names})
        rows = _salvaged(
            connection,
            f"SELECT {key}, {listed} FROM {identifier(archive.table)} "  # noqa: S608
            f"WHERE {key} BETWEEN ? AND ? ORDER BY {key}",
            max(first, -(1 << 63)),
            min(first + archive.window_rows - 1, (1 << 63) - 1),
            gaps,
        )
    else:
        rows = connection.execute(
            f"SELECT row_number() OVER () - 1, {listed} FROM {identifier(archive.table)} LIMIT ? OFFSET ?",  # noqa: S608
            [archive.window_rows, first],
        ).fetchall()
    if not rows:
        return Batch([], {name: [] for name in names}), gaps
    row_ids, *columns = zip(*rows, strict=True)
    return Batch(list(row_ids), dict(zip(names, columns, strict=True))), gaps


def encode(batch: Batch, archive: Archive) -> encoding.Encoded:
    """The rows as the archive's table takes them, nothing lost: see `Archive`."""
    odd: dict[int, dict[str, list[str]]] = {}
    rows = len(batch.row_ids)
    columns: list[encoding.Fixed | encoding.Bytes] = [
        encoding.Fixed(np.array(batch.row_ids, np.int64).astype(">i8"))
    ]
    for column in archive.columns:
        columns.append(_column(batch, column.source, column.kind, column.name, odd))
    columns.append(
        encoding.Bytes([dumps(odd[row]) if row in odd else None for row in range(rows)])
        if odd
        else encoding.Fixed(np.zeros(rows, ">i8"), np.ones(rows, np.bool_))
    )
    return encoding.encode(columns, rows)


def copy_in(connection: psycopg.Connection, archive: Archive, data: bytes) -> None:
    """Append encoded rows to the archive's table."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        archive.identifier(), sql.SQL(", ").join(map(sql.Identifier, archive.column_names()))
    )
    write(connection, statement, data)


def write(connection: psycopg.Connection, statement: sql.Composed, data: bytes) -> None:
    """Send encoded rows to a `COPY … FROM STDIN (FORMAT binary)`."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoding.HEADER)
        copy.write(data)
        copy.write(encoding.TRAILER)


def digest_of_stored(connection: psycopg.Connection, archive: Archive, number: int) -> tuple[int, bytes]:
    """Rows of a window in PostgreSQL and the SHA-256 of their bytes, as they come back.

    libpq is asked directly: a million rows come as a million messages, and psycopg's own loop around each
    costs more than all the rest.
    """
    statement = sql.SQL(
        "COPY (SELECT {} FROM {} WHERE _rowid BETWEEN {} AND {} ORDER BY _rowid) TO STDOUT (FORMAT binary)"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, archive.column_names())),
        archive.identifier(),
        *window_bounds(archive, number),
    )
    pq = connection.pgconn
    answer = pq.exec_(statement.as_bytes(connection))
    if answer.status != psycopg.pq.ExecStatus.COPY_OUT:
        raise MigrationError(
            f"The archive of {archive.table} cannot be read: {answer.error_message.decode()}"
        )
    sha = hashlib.sha256()
    skip = len(encoding.HEADER)
    messages: list[bytes | memoryview] = []
    while True:
        length, data = pq.get_copy_data(0)
        if length < 0:
            break
        messages.append(data)
        if len(messages) > _MESSAGES:
            sha.update(b"".join(messages[:-1])[skip:])
            messages, skip = messages[-1:], 0  # the trailer is in the last one
    sha.update(b"".join(messages)[skip : -len(encoding.TRAILER)])
    result = pq.get_result()
    rows = result.command_tuples if result is not None else None
    pq.get_result()
    return rows or 0, sha.digest()


def window_bounds(archive: Archive, number: int) -> tuple[sql.Literal, sql.Literal]:
    first = number * archive.window_rows
    return sql.Literal(first), sql.Literal(first + archive.window_rows - 1)


def raw_document(row: Mapping[str, Value]) -> dict[str, Any]:
    """A row for `legacy.rejects`: plain where JSON can say it, else storage class and bytes."""
    return {name: _raw(value) for name, value in row.items()}


def _raw(value: Value) -> Any:
    if isinstance(value, bytearray):
        text = _text(value)
        return text if text is not None else {"class": "text", "hex": value.hex()}
    if isinstance(value, bytes):
        return {"class": "blob", "hex": value.hex()}
    if isinstance(value, float) and not np.isfinite(value):
        return {"class": "real", "value": repr(value)}
    return value


def _text(value: bytes | bytearray) -> str | None:
    """The text, None where it is not UTF-8 or holds a NUL, which PostgreSQL's text cannot."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _column(
    batch: Batch, source: str, kind: str, name: str, odd: dict[int, dict[str, list[str]]]
) -> encoding.Fixed | encoding.Bytes:
    values = batch.columns.get(source)
    if values is None:
        return encoding.Bytes([None] * len(batch.row_ids))
    expected = _TYPE_OF[kind]
    types = batch.types(source)
    if kind == "real" and types == {float}:
        numbers = batch.numbers(source)
        assert numbers is not None  # noqa: S101  # floats only
        return encoding.Fixed(numbers.astype(">f8"))
    if not types <= {expected, type(None)}:
        for row, value in enumerate(values):
            if value is not None and type(value) is not expected:
                odd.setdefault(row, {})[name] = _odd(value)
        values = [value if type(value) is expected else None for value in values]
    if kind in {"real", "integer"}:
        dtype, wire = (np.float64, ">f8") if kind == "real" else (np.int64, ">i8")
        if types == {expected}:
            return encoding.Fixed(np.array(values, dtype).astype(wire))
        null = np.fromiter((value is None for value in values), np.bool_, len(values))
        return encoding.Fixed(
            np.array([0 if value is None else value for value in values], dtype).astype(wire), null
        )
    joined = b"".join(values) if types == {expected} else None  # type: ignore[arg-type]
    if kind == "text" and not (joined is not None and joined.isascii() and b"\x00" not in joined):
        values = _storable(values, name, odd)
        joined = None
    return encoding.Bytes(values, joined)  # type: ignore[arg-type]


def _storable(values: Sequence[Value], name: str, odd: dict[int, dict[str, list[str]]]) -> Sequence[Value]:
    """Text that PostgreSQL can keep as text; the rest goes to `odd`."""
    if _text(b"\n".join(value for value in values if value is not None)) is not None:  # type: ignore[misc]
        return values
    kept = list(values)
    for row, value in enumerate(values):
        if value is not None and _text(value) is None:  # type: ignore[arg-type]
            odd.setdefault(row, {})[name] = _odd(value)
            kept[row] = None
    return kept


def _odd(value: Value) -> list[str]:
    """Storage class and content: numbers as Python writes them (exact), bytes in hexadecimal."""
    kind = _CLASS_OF[type(value)]
    return [kind, value.hex() if isinstance(value, bytes | bytearray) else repr(value)]


def _salvaged(
    connection: sqlite3.Connection, query: str, first: int, last: int, gaps: list[Gap]
) -> list[tuple[Any, ...]]:
    """Rows in [first, last]; where a page is damaged the halves are tried, down to single row ids."""
    try:
        return connection.execute(query, [first, last]).fetchall()
    except sqlite3.DatabaseError as error:
        if first == last:
            if gaps and gaps[-1].last == first - 1:
                gaps[-1] = Gap(gaps[-1].first, last, gaps[-1].reason)
            else:
                gaps.append(Gap(first, last, str(error)))
            return []
    middle = (first + last) // 2
    return [
        *_salvaged(connection, query, first, middle, gaps),
        *_salvaged(connection, query, middle + 1, last, gaps),
    ]


def _windows_past_damage(connection: sqlite3.Connection, archive: Archive, first: int) -> Iterator[int]:
    """Windows from `first` up to the highest row id that SQLite's own books know."""
    last = 0
    for query, values in (
        ("SELECT seq FROM sqlite_sequence WHERE name = ?", [archive.table]),
        (f"SELECT max(rowid) FROM {identifier(archive.table)}", []),  # noqa: S608
    ):
        try:
            row = connection.execute(query, values).fetchone()
        except sqlite3.DatabaseError:
            continue
        last = max(last, (row[0] or 0) if row else 0)
    yield from range(max(first // archive.window_rows, 0), last // archive.window_rows + 1)
