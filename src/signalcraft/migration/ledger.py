"""What became of each row of the smaller tables, in the same transaction as its result.

A row is mapped once: while its content is the one that was mapped, running again leaves it and its result
alone, and a row that changed at the source comes back with `earlier` set.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.migration import archive as archives
from signalcraft.migration.archive import Value
from signalcraft.migration.state import Archive, dumps

Outcome = Literal["inserted", "merged", "duplicate", "rejected"]


@dataclass(frozen=True)
class Source:
    """A table of a copy, open for reading."""

    connection: sqlite3.Connection
    archive: Archive
    has_rowid: bool


@dataclass(frozen=True)
class Earlier:
    """What became of this row in an earlier run."""

    digest: bytes
    outcome: Outcome
    target_id: int | None


@dataclass(frozen=True)
class Row:
    source: Source
    row_id: int
    values: dict[str, Value]
    digest: bytes
    earlier: Earlier | None

    @property
    def is_done(self) -> bool:
        """Whether exactly this row was mapped before."""
        return self.earlier is not None and self.earlier.digest == self.digest


def rows(session: Session, source: Source) -> Iterator[list[Row]]:
    """Every row of the table that can be read, a window at a time."""
    for number in archives.windows(source.connection, source.archive, source.has_rowid):
        batch, _ = archives.read(source.connection, source.archive, number, has_rowid=source.has_rowid)
        first, last = (batch.row_ids[0], batch.row_ids[-1]) if batch.row_ids else (0, -1)
        known = {
            row_id: Earlier(bytes(digest), outcome, target_id)
            for row_id, digest, outcome, target_id in session.execute(
                text(
                    "SELECT row_id, digest, outcome, target_id FROM legacy.outcomes "
                    "WHERE table_id = :table AND row_id BETWEEN :first AND :last"
                ),
                {"table": source.archive.table_id, "first": first, "last": last},
            )
        }
        found = []
        for place, row_id in enumerate(batch.row_ids):
            values = batch.row(place)
            digest = hashlib.sha256(repr(values).encode()).digest()
            found.append(Row(source, row_id, values, digest, known.get(row_id)))
        yield found


class Ledger:
    """Collects outcomes and writes them together."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._outcomes: list[dict[str, Any]] = []
        self._rejects: list[dict[str, Any]] = []

    def record(
        self, row: Row, outcome: Outcome, target: str, target_id: int | None, note: str | None = None
    ) -> None:
        """Say what became of a row; a row that was inserted once stays so when it only changes."""
        if row.earlier is not None and row.earlier.outcome == "inserted" and outcome == "merged":
            outcome = "inserted"
        self._outcomes.append(
            {
                "table": row.source.archive.table_id,
                "row": row.row_id,
                "digest": row.digest,
                "outcome": outcome,
                "target": target,
                "target_id": target_id,
                "note": note,
            }
        )

    def reject(self, row: Row, target: str, reason: str) -> None:
        """Keep a row out, with its reason and its content."""
        self.record(row, "rejected", target, None, reason)
        self._rejects.append(
            {
                "table": row.source.archive.table_id,
                "row": row.row_id,
                "file": row.source.archive.file,
                "name": row.source.archive.table,
                "reason": reason,
                "raw": dumps(archives.raw_document(row.values)).decode(),
            }
        )

    def write(self) -> None:
        if self._outcomes:
            self._session.execute(
                text("DELETE FROM legacy.rejects WHERE table_id = :table AND row_id = :row"),
                [{"table": entry["table"], "row": entry["row"]} for entry in self._outcomes],
            )
            self._session.execute(
                text(
                    "INSERT INTO legacy.outcomes "
                    "(table_id, row_id, digest, outcome, target, target_id, note) "
                    "VALUES (:table, :row, :digest, :outcome, :target, :target_id, :note) "
                    "ON CONFLICT (table_id, row_id) DO UPDATE SET digest = excluded.digest, "
                    "outcome = excluded.outcome, target = excluded.target, target_id = excluded.target_id, "
                    "note = excluded.note"
                ),
                self._outcomes,
            )
        if self._rejects:
            self._session.execute(
                text(
                    'INSERT INTO legacy.rejects (table_id, row_id, file, "table", reason, raw) '
                    "VALUES (:table, :row, :file, :name, :reason, CAST(:raw AS jsonb))"
                ),
                self._rejects,
            )
        self._outcomes, self._rejects = [], []
