"""Killed anywhere, the next run goes on; PostgreSQL gone in the middle is a sentence, not a loss."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from old_files import NOW, reading, readings
from sqlalchemy import Engine

from signalcraft.migration.errors import MigrationError

Rows = Callable[..., list[tuple[Any, ...]]]
ROWS = 60_000
COMMAND = (sys.executable, "-c", "from signalcraft.cli import main; main()", "migrate-sqlite")


@pytest.fixture
def old() -> Iterator[Path]:
    """Three windows of readings where the account that the command becomes may read them."""
    with tempfile.TemporaryDirectory(prefix="sc-old-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        readings(
            Path(folder) / "old" / "sensor_data.db",
            (reading(device=f"ESP32_{n % 7:03d}", at=NOW - 90_000 + n * 1.0) for n in range(ROWS)),
        )
        yield Path(folder)


def start(old: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(old / "old"), "--backup-folder", str(old / "backup"), "--jobs", "2", *options],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def windows(rows_of: Rows) -> int:
    if rows_of("SELECT to_regclass('legacy.windows')") == [(None,)]:
        return 0
    return int(rows_of("SELECT count(*) FROM legacy.windows")[0][0])


def test_a_kill_in_the_middle_loses_nothing_and_the_command_says_when_to_switch(
    old: Path, target: Engine, rows_of: Rows
) -> None:
    running = start(old)
    try:
        while windows(rows_of) == 0 and running.poll() is None:
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGKILL)
    finally:
        running.communicate()
    assert running.returncode == -signal.SIGKILL
    kept = rows_of("SELECT number, digest FROM legacy.windows")
    assert len(kept) >= 1

    finished = start(old, "--cutover")
    said, _ = finished.communicate()

    assert finished.returncode == 0, said
    assert "It adds up: 60,000 rows" in said
    assert "Switch now" in said
    assert set(kept) <= set(rows_of("SELECT number, digest FROM legacy.windows"))
    assert rows_of("SELECT count(*), count(DISTINCT (device_id, measured_at)) FROM readings") == [
        (ROWS, ROWS)
    ]
    assert [state for (state,) in rows_of("SELECT state FROM legacy.runs ORDER BY id")] == [
        "interrupted",
        "done",
        "done",
    ]
    [newest] = sorted((old / "backup").iterdir())[-1:]
    assert {"report.html", "report.json", "report.en.md", "report.ko.md"} <= {
        f.name for f in newest.iterdir()
    }
    checked = subprocess.run([*COMMAND, "--verify-backup", str(newest)], text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr


def test_a_dry_run_ends_with_a_plan_and_touches_nothing(old: Path, target: Engine, rows_of: Rows) -> None:
    looked = start(old, "--dry-run")
    said, _ = looked.communicate()
    assert looked.returncode == 0, said
    assert "60,000  → readings" in said
    assert windows(rows_of) == 0
    assert rows_of("SELECT count(*) FROM devices") == [(0,)]


def test_postgresql_gone_in_the_middle_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path, old: Path, migrate: Any, target: Engine, rows_of: Rows
) -> None:
    with target.begin() as connection:  # the server drops every worker at its first reading
        connection.exec_driver_sql(
            "CREATE FUNCTION drop_worker() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER gone BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION drop_worker()"
        )
    try:
        with pytest.raises(MigrationError, match="it goes on"):
            migrate(old / "old")
    finally:
        with target.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER gone ON readings")
            connection.exec_driver_sql("DROP FUNCTION drop_worker")
    assert migrate(old / "old").adds_up
    assert rows_of("SELECT count(*) FROM readings") == [(ROWS,)]


def test_two_at_once_are_refused(old: Path, migrate: Any, target: Engine) -> None:
    shutil.rmtree(old / "backup", ignore_errors=True)
    with target.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_lock(6061590)")
        with pytest.raises(MigrationError, match="Another migration is running"):
            migrate(old / "old")
