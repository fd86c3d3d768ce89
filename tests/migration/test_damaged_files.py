"""Files that are not what they should be: the others are moved, and a sentence says what is missing."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from old_files import NOW, READINGS, make, reading, readings

from signalcraft.migration import backup, report
from signalcraft.migration.errors import MigrationError

Rows = Callable[..., list[tuple[Any, ...]]]


def test_unreadable_files_are_named_and_the_others_moved(tmp_path: Path, migrate: Any) -> None:
    old = tmp_path / "old"
    whole = readings(old / "good.db", [reading(at=NOW + n) for n in range(2000)])
    (old / "empty.db").write_bytes(b"")
    (old / "encrypted.db").write_bytes(os.urandom(8192))
    (old / "letter.db").write_text("Dear reader, " * 400)
    (old / "head.db").write_bytes(whole.read_bytes()[:60])
    (old / "cut.db").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    locked = make(old / "locked.db", "CREATE TABLE t (a)", {"t": [(1,)]})
    with closing(sqlite3.connect(locked, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        result = migrate(old, lock_wait_seconds=0.3)

    assert not result.adds_up
    assert {file.source: file.kind for file in result.plan.refused if file.source != "cut.db"} == {
        "empty.db": "empty",
        "encrypted.db": "encrypted",
        "letter.db": "not_sqlite",
        "head.db": "truncated",
        "locked.db": "locked",
    }
    said = report.verdict(result)
    for name in ("empty.db", "encrypted.db", "locked.db", "cut.db"):
        assert name in said.en
        assert name in said.ko
    assert next(a for a in result.accounts if a.file == "good.db").inserted == 2000
    assert migrate(old, lock_wait_seconds=0.3).facts["rows_archived_now"] == 1  # the writer let go


def test_rows_beside_a_damaged_page_are_saved_and_the_gap_is_named(
    tmp_path: Path, migrate: Any, rows_of: Rows
) -> None:
    path = readings(tmp_path / "old" / "sensor_data.db", [reading(at=NOW + n) for n in range(5000)])
    with closing(sqlite3.connect(path)) as connection:
        pages = (
            [
                row[0]
                for row in connection.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'sensor_readings' AND pagetype = 'leaf'"
                )
            ]
            if _has_dbstat(connection)
            else []
        )
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    if not pages:
        pytest.skip("this SQLite has no dbstat")
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * size)
        file.write(b"\xff" * size)

    result = migrate(tmp_path / "old")

    assert not result.adds_up
    [[gap]] = result.gaps.values()
    saved = rows_of(
        "SELECT count(*), count(*) FILTER (WHERE _rowid BETWEEN :a AND :b) "
        "FROM legacy.sensor_data__sensor_readings",
        a=gap.first,
        b=gap.last,
    )
    assert saved == [(5000 - (gap.last - gap.first + 1), 0)]
    assert f"row ids {gap.first}-{gap.last}" in report.verdict(result).en


def test_a_live_wal_is_part_of_the_backup_and_tampering_is_found(tmp_path: Path) -> None:
    path = tmp_path / "old" / "sensor_data.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.executescript(READINGS)
        writer.execute("INSERT INTO sensor_readings (device_id, timestamp) VALUES ('a', 1.0)")
        writer.commit()
        made = backup.make(path.parent, tmp_path / "backup")
    [copy] = made.copies
    with closing(sqlite3.connect(made.path_of(copy))) as copied:
        assert copied.execute("SELECT count(*) FROM sensor_readings").fetchone() == (1,)
    assert backup.verify(tmp_path / "backup").copies == made.copies
    data = bytearray(made.path_of(copy).read_bytes())
    data[-1] ^= 1
    made.path_of(copy).write_bytes(data)
    with pytest.raises(MigrationError, match="is not what the manifest says"):
        backup.verify(tmp_path / "backup")


def test_a_hot_journal_is_rolled_back_in_the_copy_only(tmp_path: Path) -> None:
    path = make(tmp_path / "old" / "a.db", "CREATE TABLE t (v)", {"t": [(n,) for n in range(1000)]})
    # A writer that was killed in the middle: its pages are in the file, the old ones in the journal.
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 5")
        writer.execute("BEGIN")
        writer.execute("UPDATE t SET v = v || zeroblob(200)")
        killed, journal = path.read_bytes(), path.with_name("a.db-journal").read_bytes()
        writer.execute("ROLLBACK")
    path.write_bytes(killed)
    path.with_name("a.db-journal").write_bytes(journal)

    [copy] = backup.make(path.parent, tmp_path / "backup").copies

    with closing(sqlite3.connect(tmp_path / "backup" / copy.copy)) as copied:
        assert copied.execute("SELECT sum(v), count(*) FROM t").fetchone() == (499500, 1000)
    assert path.read_bytes() == killed


def test_no_folder_no_files_no_room(tmp_path: Path, migrate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MigrationError, match="There is no folder"):
        backup.make(tmp_path / "nowhere", tmp_path / "backup")
    (tmp_path / "old").mkdir()
    with pytest.raises(MigrationError, match="There is no file"):
        migrate(tmp_path / "old")
    make(tmp_path / "old" / "a.db", "CREATE TABLE t (v)")
    full = SimpleNamespace(free=0)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: full)
    with pytest.raises(MigrationError, match="--backup-folder"):
        backup.make(tmp_path / "old", tmp_path / "backup")


def _has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        return False
    return True
