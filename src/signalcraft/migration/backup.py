"""A copy of every old file, made by SQLite itself, with checksums, before anything else happens.

The rest of the migration reads the copies: one state of each file, and the old server is not held up.
"""

import errno
import hashlib
import json
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from signalcraft.clock import iso, utc_now
from signalcraft.migration import sources
from signalcraft.migration.errors import MigrationError, UnreadableFileError

MANIFEST = "manifest.json"
LOCK_WAIT_SECONDS = 30.0
"""A writer that holds its lock longer than this is stuck, or somebody forgot it."""

Method = Literal["online_backup", "recovered", "byte_copy"]


@dataclass(frozen=True)
class Copy:
    """One file of the backup. Paths are relative, the manifest may move with its folder."""

    source: str
    copy: str
    size_bytes: int
    sha256: str
    method: Method
    """`online_backup`; `recovered`: a journal was played back in a copy; `byte_copy`: SQLite refused."""
    note: str | None = None


@dataclass(frozen=True)
class Refused:
    """A file that could not be backed up, and why."""

    source: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Backup:
    folder: Path
    made_at: str
    copies: list[Copy]
    refused: list[Refused]

    def path_of(self, copy: Copy) -> Path:
        return self.folder / copy.copy


def make(folder: Path, target: Path, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> Backup:
    """Copy every database of `folder` into `target`, write the manifest, and read the copies back.

    Raises
    ------
    MigrationError
        The disk of `target` is full, or a copy is not what was written.
    """
    found = sources.databases(folder)
    _require_room(target, sum(path.stat().st_size for path in found))
    copies: list[Copy] = []
    refused: list[Refused] = []
    for number, path in enumerate(found, 1):
        name = path.relative_to(folder).as_posix()
        copy = target / f"{number:02d}_{path.name}"
        try:
            method, note = copy_file(path, copy, lock_wait_seconds)
        except UnreadableFileError as error:
            refused.append(Refused(name, error.kind, str(error)))
        else:
            copies.append(Copy(name, copy.name, copy.stat().st_size, digest(copy), method, note))
    backup = Backup(target, iso(utc_now()) or "", copies, refused)
    _write_manifest(backup)
    verify(target)
    return backup


def verify(folder: Path) -> Backup:
    """Read every copy again and compare it with the manifest.

    Raises
    ------
    MigrationError
        There is no manifest, or a copy is missing or other than it was.
    """
    backup = read_manifest(folder)
    for copy in backup.copies:
        path = backup.path_of(copy)
        if not path.exists():
            raise MigrationError(f"The backup lacks {copy.copy}, the copy of {copy.source}.")
        if path.stat().st_size != copy.size_bytes or digest(path) != copy.sha256:
            raise MigrationError(f"{copy.copy}, the copy of {copy.source}, is not what the manifest says.")
    return backup


def read_manifest(folder: Path) -> Backup:
    try:
        document: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Backup(
            folder,
            document["made_at"],
            [Copy(**entry) for entry in document["copies"]],
            [Refused(**entry) for entry in document["refused"]],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MigrationError(f"{folder / MANIFEST} is no manifest of a backup: {error}.") from error


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(path: Path, copy: Path, lock_wait_seconds: float) -> tuple[Method, str | None]:
    """Copy one database; how it was done, and what SQLite said if it was not the usual way.

    Raises
    ------
    UnreadableFileError
        It is no database, or a writer would not let go of it.
    MigrationError
        The disk is full.
    """
    sources.check_header(path)
    try:
        _online(path, copy, lock_wait_seconds)
        return "online_backup", None
    except sqlite3.DatabaseError as error:
        reason = str(error)
        if "locked" in reason or "busy" in reason:
            raise UnreadableFileError(
                "locked", f"a writer held its lock for more than {lock_wait_seconds:g} s; run again"
            ) from error
        if "full" in reason:
            raise MigrationError(f"The disk of the backup is full: {copy.parent}.") from error
    # To roll a journal back is to write, which is not done to the original; a damaged file is copied as is.
    copy.unlink(missing_ok=True)
    shutil.copyfile(path, copy)
    for other in sources.companions(path):
        shutil.copyfile(other, copy.with_name(copy.name + other.name.removeprefix(path.name)))
    try:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        return "recovered", f"SQLite's online backup said: {reason}"
    except sqlite3.DatabaseError:
        return "byte_copy", f"SQLite's online backup said: {reason}"


def _online(path: Path, copy: Path, lock_wait_seconds: float) -> None:
    """SQLite's online backup in one step: it sees one state, WAL included, and readers are not disturbed."""
    deadline = time.monotonic() + lock_wait_seconds

    def give_up_when_late(status: int, _remaining: int, _total: int) -> None:
        # Python repeats a step that found the database locked for ever.
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    copy.unlink(missing_ok=True)
    with sources.opened(path) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target, progress=give_up_when_late)
        # The copy of a WAL database would want to make a WAL of its own.
        target.execute("PRAGMA journal_mode = DELETE").fetchone()


def _require_room(target: Path, needed: int) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target).free
    except OSError as error:
        raise MigrationError(f"The backup folder cannot be made: {error}.") from error
    if free < needed * 1.1:
        raise MigrationError(
            f"The backup needs {needed / 1e6:.0f} MB in {target}, and {free / 1e6:.0f} MB are free. "
            "Choose another place with --backup-folder."
        )


def _write_manifest(backup: Backup) -> None:
    document = {
        "made_at": backup.made_at,
        "copies": [asdict(copy) for copy in backup.copies],
        "refused": [asdict(file) for file in backup.refused],
    }
    try:
        (backup.folder / MANIFEST).write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise MigrationError(f"The disk of the backup is full: {backup.folder}.") from error
        raise
