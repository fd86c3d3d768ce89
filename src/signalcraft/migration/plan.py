"""What was found in the folder and what is to be done with it: the part that `--dry-run` ends with."""

import sqlite3
from dataclasses import dataclass, field

from signalcraft.migration import fleet, people, readings, records, sources
from signalcraft.migration.backup import Backup, Copy, Refused
from signalcraft.migration.survey import Look, Table, look


@dataclass(frozen=True)
class TablePlan:
    file: str
    table: Table
    target: str | None
    """Where rows are mapped to; None: archive only."""


@dataclass(frozen=True)
class FilePlan:
    copy: Copy
    found: Look


@dataclass
class Plan:
    backup: Backup
    files: list[FilePlan] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def tables(self) -> list[tuple[FilePlan, TablePlan]]:
        return [
            (file, TablePlan(file.copy.source, table, target_of(table)))
            for file in self.files
            for table in file.found.tables
        ]


def make(backup: Backup, *, types: bool = True) -> Plan:
    """Look into every copy, at types only if asked; a file whose list of tables cannot be read is refused."""
    plan = Plan(backup, refused=list(backup.refused))
    for copy in backup.copies:
        path = backup.path_of(copy)
        try:
            with sources.opened(path, immutable=True) as connection:
                plan.files.append(FilePlan(copy, look(connection, types=types)))
        except sqlite3.DatabaseError as error:
            cut = sources.missing_bytes(path)
            kind = "truncated" if cut else "unreadable"
            reason = f"the file ends {cut} bytes too early: {error}" if cut else str(error)
            plan.refused.append(Refused(copy.source, kind, reason))
    return plan


def target_of(table: Table) -> str | None:
    """What this table is mapped to, recognised by its name and its columns."""
    columns = table.names
    if table.name == "users":
        return "users" if people.store_of(columns) else None
    if table.name == "user_store_access":
        return "shop_members" if columns >= people.ACCESS_COLUMNS else None
    if table.name == "stores":
        return "shops" if columns >= fleet.STORE_COLUMNS else None
    if table.name == "store_devices":
        return "devices" if columns >= fleet.STORE_DEVICE_COLUMNS else None
    if table.name == "devices":
        return "devices" if columns >= fleet.DEVICE_COLUMNS else None
    if table.name in readings.LAYOUTS:
        return "readings" if columns >= readings.REQUIRED and table.has_rowid else None
    return "imported_records" if records.spec_of(table.name, columns) else None
