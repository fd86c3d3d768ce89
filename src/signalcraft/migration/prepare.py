"""What must be known of a table of readings before its windows can be done side by side: days, duplicates."""

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
from sqlalchemy.orm import Session

from signalcraft.migration import cleaning
from signalcraft.migration.sources import identifier
from signalcraft.migration.survey import Table
from signalcraft.telemetry import partitions

_DAY_ROWS = 100
"""A day with fewer readings stays in the default partition: a wrong clock must not make a table each day."""
_DAY_SECONDS = 86_400


def make_days(session: Session, connection: sqlite3.Connection, table: str) -> int:
    """Make the partitions of the days that the table's readings fall on; how many were missing."""
    found = connection.execute(
        f"SELECT CAST(timestamp / {_DAY_SECONDS} AS INTEGER) AS day, count(*) FROM {identifier(table)} "  # noqa: S608
        "WHERE timestamp >= ? AND timestamp < ? GROUP BY day HAVING count(*) >= ?",
        [cleaning.PLAUSIBLE_FROM, cleaning.PLAUSIBLE_UNTIL, _DAY_ROWS],
    )
    days = [date(1970, 1, 1) + timedelta(days=day) for day, _ in found]
    return len(partitions.ensure_days(session, days))


def mark_duplicates(
    target: psycopg.Connection, connection: sqlite3.Connection, table: Table, table_id: int
) -> int:
    """Write down every reading whose device and time an earlier row of the table has; how many there are."""
    with target.transaction():
        target.execute("DELETE FROM legacy.duplicates WHERE table_id = %s", [table_id])
        count = 0
        with (
            target.cursor() as cursor,
            cursor.copy("COPY legacy.duplicates (table_id, row_id, first_row_id, same) FROM STDIN") as copy,
        ):
            for row_id, first, same in _duplicates(connection, table):
                copy.write_row((table_id, row_id, first, bool(same)))
                count += 1
    return count


def _duplicates(connection: sqlite3.Connection, table: Table) -> Iterator[tuple[int, int, int]]:
    """(row id, row id of the first, whether all else is the same), from SQLite's index where it has one."""
    quoted = identifier(table.name)
    compared = [
        f"t.{identifier(c.name)} IS f.{identifier(c.name)}"
        for c in table.columns
        if c.name not in {"id", "created_at"}
    ]
    return connection.execute(
        "WITH g AS MATERIALIZED (SELECT device_id AS d, timestamp AS ts, min(rowid) AS first "  # noqa: S608
        f"FROM {quoted} GROUP BY device_id, timestamp HAVING count(*) > 1) "
        f"SELECT t.rowid, g.first, {' AND '.join(compared)} FROM g "
        f"JOIN {quoted} t ON t.device_id = g.d AND t.timestamp = g.ts AND t.rowid <> g.first "
        f"JOIN {quoted} f ON f.rowid = g.first"
    )
