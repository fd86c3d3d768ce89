"""One migration from the backup to the accounts. Every step may be interrupted; the next run takes it up."""

import gc
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from signalcraft.bilingual import Text
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.db.engine import make_owner_engine
from signalcraft.errors import UnavailableError
from signalcraft.migration import (
    accounting,
    backup,
    field_files,
    fleet,
    people,
    plan,
    prepare,
    records,
    sources,
    state,
    window,
)
from signalcraft.migration import archive as archives
from signalcraft.migration.archive import Gap
from signalcraft.migration.errors import MigrationError
from signalcraft.migration.ledger import Source
from signalcraft.migration.plan import FilePlan, Plan, TablePlan
from signalcraft.migration.state import Archive
from signalcraft.settings import Settings

WAITING_WINDOWS = 2
"""Windows handed to each worker ahead of time."""


class Watcher(Protocol):
    """Whoever shows how far it is."""

    def stage(self, title: Text, total: int | None) -> None:
        """A stage of `total` rows begins (None: not known)."""

    def advance(self, rows: int) -> None: ...


@dataclass(frozen=True)
class Options:
    folder: Path
    target: Path
    """Folder of the backup and the report of this run."""
    zone: tzinfo = UTC
    zone_name: str = "UTC"
    jobs: int = 2
    verify_all: bool = True
    """Read windows back that have not changed since the last run as well."""
    tail_only: bool = False
    """Of readings look only at what is behind the last row that is known, and survey no types: takes seconds.
    What was edited further up is found by the next run without this."""
    cutover: bool = False
    lock_wait_seconds: float = backup.LOCK_WAIT_SECONDS


@dataclass
class Result:
    """Everything that the report says."""

    options: Options
    plan: Plan
    accounts: list[accounting.Account] = field(default_factory=list)
    checks: list[accounting.Check] = field(default_factory=list)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    moved_people: people.People | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        return not self.plan.refused and not self.gaps and all(check.ok for check in self.checks)


def prepare_backup(options: Options, watcher: Watcher) -> Plan:
    """Back up, verify the backup, look.

    Raises
    ------
    MigrationError
        There is nothing to move, or no room for the backup.
    """
    if not sources.databases(options.folder) and not field_files.find(options.folder):
        raise MigrationError(
            f"There is no file *.db, *.sqlite or *.sqlite3 in {options.folder}, nor one of the field line's."
        )
    watcher.stage(Text(ko="백업", en="Backup"), None)
    made = backup.make(options.folder, options.target, lock_wait_seconds=options.lock_wait_seconds)
    watcher.stage(Text(ko="조사", en="Look"), None)
    return plan.make(made, types=not options.tail_only)


def migrate(settings: Settings, options: Options, watcher: Watcher) -> Result:
    """Back up, archive, map, account.

    Raises
    ------
    MigrationError
        It could not go on; what is done stays done and the next run takes it up.
    """
    clock = _Clock()
    made = prepare_backup(options, watcher)
    clock.lap("backup_and_look")
    result = Result(options, made, seconds=clock.seconds)
    parameters = libpq_parameters(owner_url(settings))
    engine = make_owner_engine(settings)
    try:
        with state.connect(parameters) as connection:
            state.open_books(connection)
            run_id = _begin(connection, options)
            work = _Work(connection, engine, result, watcher, parameters)
            work.register()
            work.move_people_and_fleet()
            clock.lap("people_and_fleet")
            work.prepare_readings()
            clock.lap("prepare_readings")
            work.do_windows()
            clock.lap("windows")
            work.move_records()
            clock.lap("records")
            work.move_field_files()
            clock.lap("field_files")
            watcher.stage(Text(ko="검산", en="Account"), None)
            with work.session() as session:
                accounting.account(connection, result, work.archives, field_files.accounts(session))
            clock.lap("account")
            _end(connection, run_id, result)
    except (psycopg.Error, SQLAlchemyError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise MigrationError(
            f"PostgreSQL: {str(cause).strip()}. Run the same command again; it goes on where it was."
        ) from error
    except UnavailableError as error:
        raise MigrationError(
            f"{error.detail} Run the same command again; it goes on where it was."
        ) from error
    except OSError as error:
        raise MigrationError(f"{error.strerror}: {error.filename or options.target}.") from error
    finally:
        engine.dispose()
    return result


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)
    since: float = field(default_factory=monotonic)

    def lap(self, name: str) -> None:
        now = monotonic()
        self.seconds[name], self.since = now - self.since, now


class _Work:
    """One run's connections and what it has registered."""

    def __init__(
        self,
        connection: psycopg.Connection,
        engine: Engine,
        result: Result,
        watcher: Watcher,
        parameters: Mapping[str, Any],
    ) -> None:
        self.connection, self.engine, self.result, self.watcher = connection, engine, result, watcher
        self.parameters = parameters
        self.archives: list[tuple[FilePlan, TablePlan, Archive]] = []

    def register(self) -> None:
        """Make or widen the archive's tables."""
        prefixes: dict[str, tuple[int, str]] = {}
        for file, table in self.result.plan.tables():
            name = file.copy.source
            if name not in prefixes:
                prefixes[name] = state.register_file(self.connection, name, file.copy.sha256, file.copy.note)
            archive = state.register_table(
                self.connection, prefixes[name][0], name, prefixes[name][1], table.table
            )
            self.archives.append((file, table, archive))

    def move_people_and_fleet(self) -> None:
        """Whatever readings and records refer to comes first."""
        self.watcher.stage(Text(ko="사용자·매장·장치", en="People, shops, devices"), None)
        zone = self.result.options.zone
        with self.session() as session, ExitStack() as stack:
            found = [
                (store, stack.enter_context(self._source(file, archive, table)))
                for table, archive, file in self._tables("users")
                if (store := people.store_of(table.table.names)) is not None
            ]
            self.result.moved_people = people.move(session, found, zone)
        for name, move in (
            ("stores", fleet.move_shops),
            ("store_devices", fleet.move_store_devices),
            ("devices", fleet.move_devices),
        ):
            for table, archive, file in self._tables(name):
                with self.session() as session, self._source(file, archive, table) as source:
                    move(session, source, zone)
        self._move_rights(zone)

    def prepare_readings(self) -> None:
        self.watcher.stage(Text(ko="측정값 준비", en="Prepare readings"), None)
        duplicates = 0
        for file, table, archive in self.archives:
            if "device_id" not in table.table.names or table.target is None:
                continue
            with self.session() as session, self._source(file, archive, table) as source:
                is_readings = table.target == "readings"
                fleet.register_ids(session, source.connection, archive.table, readings=is_readings)
                if is_readings:
                    with ThreadPoolExecutor(1) as beside:
                        marked = beside.submit(self._mark_duplicates, file, table, archive)
                        prepare.make_days(session, source.connection, archive.table)
                        duplicates += marked.result()
        self.result.facts["duplicate_readings"] = duplicates

    def _mark_duplicates(self, file: FilePlan, table: TablePlan, archive: Archive) -> int:
        """In a thread of its own, with a connection to the copy of its own."""
        with self._source(file, archive, table) as source:
            return prepare.mark_duplicates(self.connection, source.connection, table.table, archive.table_id)

    def do_windows(self) -> None:
        """Archive every table, and map readings, in several processes."""
        total = sum(table.table.rows for _, table, _ in self.archives)
        self.watcher.stage(Text(ko="보관·변환·대조", en="Archive, map, compare"), total)
        options = self.result.options
        changed = 0
        # A forked worker shares this process's memory as long as nobody writes to it, which the collector of
        # garbage would; each opens connections of its own.
        gc.freeze()
        with ProcessPoolExecutor(
            options.jobs,
            mp_context=multiprocessing.get_context("fork"),
            initializer=window.start,
            initargs=(self.parameters,),
        ) as pool:
            waiting: set[Future[window.Done]] = set()
            names = {archive.table_id: f"{archive.file} {archive.table}" for _, _, archive in self.archives}
            try:
                for job in self._jobs():
                    waiting.add(pool.submit(window.process, job))
                    if len(waiting) >= options.jobs * (1 + WAITING_WINDOWS):
                        changed += self._collect(waiting, names)
                while waiting:
                    changed += self._collect(waiting, names)
            except BrokenProcessPool as error:
                raise MigrationError("A worker process was killed; run the same command again.") from error
            finally:
                for future in waiting:
                    future.cancel()
        self.result.facts["rows_archived_now"] = changed

    def move_records(self) -> None:
        self.watcher.stage(Text(ko="기록", en="Records"), None)
        with self.session() as session:
            references = records.References.of(session)
        for file, table, archive in self.archives:
            spec = records.spec_of(archive.table, table.table.names)
            if table.target == "imported_records" and spec is not None:
                with self.session() as session, self._source(file, archive, table) as source:
                    records.move(session, source, spec, references, self.result.options.zone)

    def move_field_files(self) -> None:
        options = self.result.options
        files = field_files.find(options.folder)
        self.watcher.stage(Text(ko="JSON·소리 파일", en="JSON and sound files"), len(files))
        for batch in field_files.batches(files):
            with self.session() as session:
                field_files.move(session, options.folder, batch, options.zone)
            self.watcher.advance(len(batch))

    def _move_rights(self, zone: tzinfo) -> None:
        with self.session() as session:
            roles: dict[str, str] = {}
            for table, source in self._sources("users"):
                if people.store_of(table.table.names) == "permissions":
                    roles |= people.old_roles(session, source)
            for _, source in self._sources("user_store_access"):
                people.move_grants(session, source, roles, fleet.shop_ids(session), zone)
            for _, source in self._sources("stores"):
                fleet.move_owners(session, source, people.user_ids(session))

    def _jobs(self) -> Iterator[window.Job]:
        options = self.result.options
        for file, table, archive in self.archives:
            copy = self.result.plan.backup.path_of(file.copy)
            with sources.opened(copy, immutable=True) as connection:
                numbers = list(archives.windows(connection, archive, table.table.has_rowid))
            known = {
                row[0]
                for row in self.connection.execute(
                    "SELECT number FROM legacy.windows WHERE table_id = %s", [archive.table_id]
                )
            }
            if options.tail_only and known and table.target == "readings":
                known.discard(max(known))  # rows may have been added to the last one
                numbers, known = [number for number in numbers if number not in known], set()
            for number in sorted({*numbers, *known}):
                yield window.Job(
                    copy,
                    archive,
                    number,
                    table.table.has_rowid,
                    archive.table if table.target == "readings" else None,
                    options.verify_all,
                )

    def _collect(self, waiting: set[Future[window.Done]], names: Mapping[int, str]) -> int:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        changed = 0
        for future in done:
            waiting.discard(future)
            finished = future.result()
            changed += finished.changed
            self.watcher.advance(finished.rows)
            if finished.gaps:
                self.result.gaps.setdefault(names[finished.table_id], []).extend(finished.gaps)
        return changed

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _tables(self, name: str) -> Iterator[tuple[TablePlan, Archive, FilePlan]]:
        for file, table, archive in self.archives:
            if archive.table == name and table.target not in {None, "imported_records"}:
                yield table, archive, file

    def _sources(self, name: str) -> Iterator[tuple[TablePlan, Source]]:
        """Sources of the tables of this name, open until the caller asks for the next."""
        for table, archive, file in self._tables(name):
            with self._source(file, archive, table) as source:
                yield table, source

    @contextmanager
    def _source(self, file: FilePlan, archive: Archive, table: TablePlan) -> Iterator[Source]:
        path = self.result.plan.backup.path_of(file.copy)
        with sources.opened(path, immutable=True) as connection:
            yield Source(connection, archive, table.table.has_rowid)


def _begin(connection: psycopg.Connection, options: Options) -> int:
    connection.execute(
        "UPDATE legacy.runs SET state = 'interrupted', finished_at = now() WHERE state = 'running'"
    )
    row = connection.execute(
        "INSERT INTO legacy.runs (options) VALUES (%s) RETURNING id",
        [Jsonb({"zone": options.zone_name, "jobs": options.jobs, "cutover": options.cutover})],
    ).fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


def _end(connection: psycopg.Connection, run_id: int, result: Result) -> None:
    connection.execute(
        "UPDATE legacy.runs SET state = %s, finished_at = now() WHERE id = %s",
        ["done" if result.adds_up else "does_not_add_up", run_id],
    )
