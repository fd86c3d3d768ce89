"""Every migration lets the system go on: read by squawk, run on the data of each release, under its code."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, text

from signalcraft.api.app import create_app
from signalcraft.db import migrate
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.session import unit_of_work
from signalcraft.settings import Settings, get_settings
from signalcraft.tables import Base

ROOT = Path(__file__).resolve().parents[2]
SQUAWK = Path(sys.prefix) / "bin" / "squawk"

RELEASES = {"0.1.0": ("0001", "5cca2f89dc9c72568dc64b8aceeaa3f5ed13660a")}
"""Release to its migration and its commit."""
FIRST = "0001"
"""Made on an empty database: there was nobody to lock out."""

NOT_ABOUT_LOCKS = "prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-robust-stmts,prefer-text-field"
"""Rules of style, and one for scripts that run without a transaction. A rule that a contracting migration has
to break is named in its SQL: `-- squawk-ignore ban-drop-column`."""
OUTSIDE = "/* outside the transaction */ "
FORBIDDEN = ("LOCK ", "CLUSTER", "VACUUM FULL", "TRUNCATE", "REINDEX TABLE", "UPDATE ", "DELETE ")
"""What squawk lets pass: whole tables locked or rewritten. Rows are changed in batches by a task instead."""


def flaws(statements: list[str]) -> str:
    """What is wrong with the SQL of one migration; empty if nothing is.

    What it executes outside its transaction begins with OUTSIDE and is read one by one.
    """
    own = [line for line in statements if line.removeprefix(OUTSIDE).lstrip().upper().startswith(FORBIDDEN)]
    timeouts = [line for line in statements if line.startswith("SET ")]
    inside = [line for line in statements if not line.startswith(OUTSIDE)]
    alone = [[*timeouts, line.removeprefix(OUTSIDE)] for line in statements if line.startswith(OUTSIDE)]
    found = [_squawk(inside, "--assume-in-transaction"), *map(_squawk, alone)]
    return "\n".join([*own, *filter(None, found)]).strip()


def _squawk(statements: list[str], *options: str) -> str:
    done = subprocess.run(
        [SQUAWK, "--pg-version", "18", *options, "--reporter", "gcc", "--exclude", NOT_ABOUT_LOCKS],
        input=";\n".join(statements) + ";\n",
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0 or done.stdout, done.stderr
    return done.stdout.strip()


def revisions() -> list[str]:
    script = ScriptDirectory(str(migrate.MIGRATIONS))
    return [revision.revision for revision in script.walk_revisions()][::-1]


@pytest.fixture
def recorded(another_database: Settings) -> Callable[[str], list[str]]:
    """Runs one migration on a database beside ours and gives the statements it really executed."""

    def run(revision: str) -> list[str]:
        statements: list[str] = []

        def note(*arguments: Any) -> None:
            alone = arguments[0].connection.driver_connection.autocommit
            statements.append(f"{OUTSIDE if alone else ''}{arguments[2]}")

        event.listen(Engine, "before_cursor_execute", note)
        try:
            migrate.upgrade(another_database, revision)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        bookkeeping = ("SELECT", "UPDATE ALEMBIC_VERSION", "INSERT INTO ALEMBIC_VERSION")
        return [
            line
            for line in statements
            if not line.removeprefix(OUTSIDE).lstrip().upper().startswith(bookkeeping)
        ]

    return run


def test_no_migration_stops_writers_or_rewrites_a_table(
    recorded: Callable[[str], list[str]], another_database: Settings
) -> None:
    for revision in revisions():
        statements = recorded(revision)
        assert [line for line in statements if "lock_timeout" in line], "how long it waits for a lock"
        assert [line for line in statements if "statement_timeout" in line]
        if revision != FIRST:
            assert flaws(statements) == "", revision
    engine = make_owner_engine(another_database)
    with engine.connect() as connection:
        found = set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
    assert {table.name for table in Base.metadata.sorted_tables} <= found


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE clips ALTER COLUMN size_bytes TYPE numeric",
        "CREATE INDEX ix_x ON clips (size_bytes)",
        "ALTER TABLE clips ADD COLUMN a text NOT NULL",
        "ALTER TABLE clips ADD COLUMN a bigint DEFAULT random()",
        "ALTER TABLE clips ADD CONSTRAINT c CHECK (size_bytes > 0)",
        "ALTER TABLE clips DROP COLUMN size_bytes",
        "ALTER TABLE clips RENAME COLUMN size_bytes TO n",
        "ALTER TABLE clips ALTER COLUMN media_type SET NOT NULL",
        "UPDATE clips SET size_bytes = 0",
        "LOCK TABLE clips",
    ],
)
def test_a_migration_that_would_is_found(statement: str) -> None:
    times = ["SET lock_timeout = 4000", "SET statement_timeout = 60000"]
    assert flaws([*times, "ALTER TABLE clips ADD COLUMN a text"]) == ""
    assert flaws([*times, "CREATE TABLE t (id bigint)", "CREATE INDEX ix_t ON t (id)"]) == ""
    assert flaws([*times, statement]) != ""


def test_a_migration_steps_back_while_a_table_is_locked(
    another_database: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives way to those who wait behind it, and tries again."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(migrate, "LOCK_PAUSE_SECONDS", 0.05)
    migrate.upgrade(another_database, FIRST)
    order: list[str] = []

    def release() -> None:
        order.append("released")
        holder.rollback()

    with make_owner_engine(another_database).connect() as holder:
        holder.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        timer = threading.Timer(0.5, release)
        timer.start()
        migrate.upgrade(another_database)
        order.append("migrated")
        timer.join()
    assert order == ["released", "migrated"]


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_keeps_its_data_and_goes_on_working(
    release: str,
    another_database: Settings,
    change_settings: Callable[..., None],
    tmp_path: Path,
) -> None:
    """Filled by the release's own code, migrated with its data, worked on by it again, read by ours."""
    revision, commit = RELEASES[release]
    program = Released(tmp_path, release, commit, another_database)
    migrate.upgrade(another_database, revision)
    program.run("fill")
    tables = columns(another_database)
    before = contents(another_database, tables)
    assert all(rows for rows, _ in before.values()), before

    migrate.upgrade(another_database)
    assert contents(another_database, tables) == before

    program.run("work")
    change_settings(DATABASE_URL=another_database.database_url.get_secret_value())
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM alarms WHERE acknowledged_at IS NOT NULL")) == 1
    client = create_app(get_settings()).test_client()
    assert client.get("/ready").status_code == 200


class Released:
    """A release's own code, from the history of this repository."""

    def __init__(self, folder: Path, release: str, commit: str, database: Settings) -> None:
        git = shutil.which("git")
        if git is None or subprocess.run([git, "-C", ROOT, "cat-file", "-e", commit]).returncode:
            pytest.skip(f"the history with release {release} is not here")
        archive = subprocess.run(
            [git, "-C", ROOT, "archive", commit, "src/signalcraft"], capture_output=True, check=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        name = f"release_{release.replace('.', '_')}.py"
        self._program = Path(__file__).parent / "releases" / name
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "src"),
            "DATABASE_URL": database.database_url.get_secret_value(),
            "SIGNALCRAFT_BASELINE_CLIPS": "20",
        }

    def run(self, what: str) -> None:
        done = subprocess.run(
            [sys.executable, self._program, what],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-4000:]


def columns(settings: Settings) -> dict[str, str]:
    """The tables that there are, each with its columns."""
    question = text(
        "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name !~ '^(readings_|alembic_version)' GROUP BY 1"
    )
    with make_owner_engine(settings).connect() as connection:
        return {row[0]: row[1] for row in connection.execute(question)}


def contents(settings: Settings, tables: dict[str, str]) -> dict[str, tuple[int, str]]:
    """Rows and a checksum of each table over the given columns."""
    found = {}
    with make_owner_engine(settings).connect() as connection:
        for table, names in tables.items():
            rows = f"SELECT {names} FROM {table}"  # noqa: S608
            checksum = "md5(string_agg(t::text, '|' ORDER BY t::text))"
            counted = connection.execute(text(f"SELECT count(*), {checksum} FROM ({rows}) AS t")).one()  # noqa: S608
            found[table] = (counted[0], counted[1])
    return found
