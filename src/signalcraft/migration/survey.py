"""What is in a file: tables, columns, the storage classes that really occur, rows."""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from signalcraft.migration.sources import identifier, opened

WINDOW_ROWS = 20_000
"""Row ids of one step of work: some 10 MB of Python objects, a hundred steps for two million readings."""
_WINDOW_BYTES = 8_000_000
"""Where rows are long (pictures, features), a step is so many bytes of text and BLOBs instead."""
_SAMPLE = 200
_PART_ROWS = 200_000
"""Row ids from which on a table is surveyed in parts."""


@dataclass(frozen=True)
class Column:
    name: str
    declared: str
    classes: Mapping[str, int]
    """Storage class to the number of values of it."""

    @property
    def kind(self) -> str:
        """The class that the archive's column is made for: the commonest, else what was declared."""
        seen = {name: n for name, n in self.classes.items() if name != "null" and n}
        return max(seen, key=lambda name: seen[name]) if seen else affinity(self.declared)

    @property
    def mixed(self) -> bool:
        return sum(1 for name, n in self.classes.items() if name != "null" and n) > 1


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    rows: int
    has_rowid: bool
    window_rows: int = 20_000
    """Row ids of one step of work."""
    damaged: str | None = None
    """SQLite's complaint, where not every page can be read."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)


@dataclass(frozen=True)
class Look:
    """One database as it was found."""

    tables: tuple[Table, ...]
    skipped: tuple[str, ...] = ()
    """Views, triggers and virtual tables: no rows of their own."""
    indexes: tuple[str, ...] = field(default=())
    foreign_key_violations: int = 0


def look(connection: sqlite3.Connection, *, types: bool = True) -> Look:
    """Survey one database; without `types` rows are counted and no column's storage classes.

    Raises
    ------
    sqlite3.DatabaseError
        Not even the list of tables can be read.
    """
    entries = [
        (kind.decode(), name.decode("utf-8", "replace"), (sql or b"").decode("utf-8", "replace"))
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name")
    ]
    tables = [
        (name, sql)
        for kind, name, sql in entries
        if kind == "table" and not name.startswith("sqlite_") and "CREATE VIRTUAL" not in sql.upper()
    ]
    known = {name for name, _ in tables}
    return Look(
        tables=tuple(_table(connection, name, sql, types) for name, sql in tables),
        skipped=tuple(
            f"{kind} {name}"
            for kind, name, _ in entries
            if kind != "index" and name not in known and not name.startswith("sqlite_")
        ),
        indexes=tuple(name for kind, name, _ in entries if kind == "index"),
        foreign_key_violations=_foreign_key_violations(connection),
    )


def affinity(declared: str) -> str:
    """SQLite's rules (datatype3, 3.1) as the class that a column's values mostly have."""
    wanted = declared.upper()
    if "INT" in wanted or "BOOL" in wanted:
        return "integer"
    if any(word in wanted for word in ("CHAR", "CLOB", "TEXT", "DATE", "TIME", "JSON")):
        return "text"
    if "BLOB" in wanted:
        return "blob"
    return "real" if any(word in wanted for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC")) else "text"


def _table(connection: sqlite3.Connection, name: str, sql: str, types: bool) -> Table:
    declared = [
        (column.decode("utf-8", "replace"), kind.decode("utf-8", "replace"))
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({identifier(name)})")
    ]
    has_rowid = "WITHOUT ROWID" not in " ".join(sql.upper().split())
    damaged = None
    try:
        rows, columns = _count(connection, identifier(name), declared, types)
    except sqlite3.DatabaseError as error:
        damaged = str(error)
        rows, columns = 0, tuple(Column(column, kind, {}) for column, kind in declared)
    return Table(name, columns, rows, has_rowid, _window_rows(connection, name, declared), damaged)


def _window_rows(connection: sqlite3.Connection, name: str, declared: Sequence[tuple[str, str]]) -> int:
    """By the mean length of the table's first rows; the archive keeps the number for later runs."""
    lengths = " + ".join(f"coalesce(length(CAST({identifier(column)} AS BLOB)), 0)" for column, _ in declared)
    try:
        (mean,) = connection.execute(
            f"SELECT avg(n) FROM (SELECT {lengths} AS n FROM {identifier(name)} LIMIT {_SAMPLE})"  # noqa: S608
        ).fetchone()
    except sqlite3.DatabaseError:
        return WINDOW_ROWS
    return min(WINDOW_ROWS, max(1, int(_WINDOW_BYTES / max(mean or 0, 1))))


def _count(
    connection: sqlite3.Connection, table: str, declared: Sequence[tuple[str, str]], types: bool
) -> tuple[int, tuple[Column, ...]]:
    """Rows, and each column's storage classes.

    One pass asks whether a column holds what was declared and NULL; only where not, another one counts all.
    `typeof()` of a stored column reads the record's header alone.
    """
    if not types:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # quoted
        return rows, tuple(Column(column, kind, {}) for column, kind in declared)
    asked = ["count(*)"]
    for column, kind in declared:
        quoted = identifier(column)
        asked += [f"count({quoted})", f"sum(typeof({quoted}) = '{affinity(kind)}')"]
    names = {column.lower() for column, _ in declared}
    query = f"SELECT {', '.join(asked)} FROM {table}"  # noqa: S608  # quoted
    rows, *found = _sums(connection, query, table, "rowid" not in names)
    columns = []
    for (column, kind), filled, usual in zip(declared, found[::2], found[1::2], strict=True):
        classes = {affinity(kind): usual or 0, "null": rows - filled}
        if (usual or 0) != filled:
            query = f"SELECT typeof({identifier(column)}), count(*) FROM {table} GROUP BY 1"  # noqa: S608
            classes = {name.decode(): n for name, n in connection.execute(query)}
        columns.append(Column(column, kind, classes))
    return rows, tuple(columns)


def _sums(connection: sqlite3.Connection, query: str, table: str, has_rowid: bool) -> list[int]:
    """The sums that a query asks of a table; of a large one each core asks its part, for SQLite lets Python
    go on meanwhile."""
    first, last = 0, 0
    if has_rowid:
        try:
            bounds = f"SELECT coalesce(min(rowid), 0), coalesce(max(rowid), 0) FROM {table}"  # noqa: S608  # quoted
            first, last = connection.execute(bounds).fetchone()
        except sqlite3.OperationalError:
            pass  # WITHOUT ROWID
    cores = min(os.cpu_count() or 1, 4)
    if last - first < _PART_ROWS or cores == 1:
        return [n or 0 for n in connection.execute(query).fetchone()]
    (_, _, path), *_ = connection.execute("PRAGMA database_list").fetchall()

    def part(number: int) -> tuple[int | None, ...]:
        step = (last - first) // cores + 1
        with opened(Path(path.decode()), immutable=True) as own:
            found: tuple[int | None, ...] = own.execute(
                f"{query} WHERE rowid BETWEEN ? AND ?",
                [first + number * step, first + (number + 1) * step - 1],
            ).fetchone()
        return found

    with ThreadPoolExecutor(cores) as pool:
        return [sum(n or 0 for n in column) for column in zip(*pool.map(part, range(cores)), strict=True)]


def _foreign_key_violations(connection: sqlite3.Connection) -> int:
    try:
        return sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
    except sqlite3.DatabaseError:
        return 0
