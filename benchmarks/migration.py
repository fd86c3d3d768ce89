"""How fast `signalcraft migrate-sqlite` is: 2 million readings, and pgloader with the same table.

    .venv/bin/python -m benchmarks.migration SENSOR_DB [--jobs 2] [--json FILE]

SENSOR_DB is a large sensor_data.db (shared/legacy/make_large_sensor_db.py). Servers of its own start in a
temporary folder and end with it; nothing else is touched. Three passes, on the same file in the same run:

1. everything: backup, survey, verbatim archive, mapping, read-back and accounts, by the command's own code;
2. mapping alone: the table read, judged and stored as `readings`, without archive and verification;
3. pgloader (Debian's package), where it is installed: the table into a table of the same columns, every value
   as text so that dirty rows do not stop it; it checks and maps nothing.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from benchmarks.migration_steps import map_window, start_mapping
from signalcraft.bilingual import Text
from signalcraft.db import migrate
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.db.engine import make_owner_engine
from signalcraft.migration import archive, run, sources, state
from signalcraft.migration.survey import WINDOW_ROWS
from signalcraft.operations import kernel
from signalcraft.settings import Settings, get_settings

TABLE = "sensor_readings"
PGLOADER = """LOAD DATABASE FROM sqlite://{file} INTO {url}
WITH include drop, create tables, no foreign keys, {workers}
INCLUDING ONLY TABLE NAMES LIKE 'sensor_readings'
CAST type real to text drop typemod, type integer to text drop typemod, type datetime to text drop typemod;
"""


@dataclass(frozen=True)
class Pass:
    name: str
    rows: int
    seconds: float
    detail: dict[str, Any]

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


class Silent:
    """The migration's progress is not what is measured."""

    def stage(self, title: Text, total: int | None) -> None: ...

    def advance(self, rows: int) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with instance() as (settings, folder):
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        passes = [
            everything(settings, arguments.file, folder, arguments.jobs),
            mapping_alone(settings, arguments.file, folder, arguments.jobs),
            *pgloader(settings, arguments.file, folder, arguments.jobs),
        ]
        print(f"load average {os.getloadavg()[0]:.1f}")
    for done in passes:
        print(f"{done.name:14} {done.rows:>10,} rows {done.seconds:8.2f} s {done.rate:>10,.0f} rows/s")
        print("  " + ", ".join(f"{name} {value}" for name, value in done.detail.items()))
    if arguments.json:
        found = {done.name: {"rows": done.rows, "seconds": done.seconds, **done.detail} for done in passes}
        arguments.json.write_text(json.dumps(found, indent=1))


@contextmanager
def instance() -> Iterator[tuple[Settings, Path]]:
    """An instance's own PostgreSQL in a temporary folder, migrated to the newest schema."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ["SIGNALCRAFT_DATA_DIR"] = str(folder / "data")
        os.environ["OBJECT_STORE_URL"] = (folder / "objects").as_uri()
        servers = subprocess.Popen(
            [sys.executable, Path(__file__).parents[1] / "tests" / "servers.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert servers.stdout is not None
        assert servers.stdout.readline().strip() == "ready"
        try:
            migrate.upgrade(get_settings())
            yield get_settings(), folder
        finally:
            servers.communicate()


def everything(settings: Settings, file: Path, folder: Path, jobs: int) -> Pass:
    """The command's own code, from the backup to the accounts."""
    old = folder / "old"
    old.mkdir()
    os.link(file, old / file.name) if file.stat().st_dev == old.stat().st_dev else shutil.copy(file, old)
    with peak_memory() as peak:
        began, used = time.monotonic(), processor_seconds()
        result = run.migrate(settings, run.Options(old, folder / "backup", jobs=jobs), Silent())
        seconds, used = time.monotonic() - began, processor_seconds() - used
    assert result.adds_up, [check.detail.en for check in result.checks if not check.ok]
    readings = next(a for a in result.accounts if a.table == TABLE)
    detail = {
        **{name: round(value, 2) for name, value in result.seconds.items()},
        "own_processor_seconds": round(used, 2),
        "peak_memory_mb": round(peak[0] / 1e6),
        "kept": readings.inserted,
        "duplicate": readings.duplicate,
        "rejected": readings.rejected,
    }
    return Pass("everything", readings.read, seconds, detail)


def mapping_alone(settings: Settings, file: Path, folder: Path, jobs: int) -> Pass:
    """Read, judge and store again, into an empty `readings`; devices, days and repeats are known by now."""
    with make_owner_engine(settings).begin() as connection:
        connection.exec_driver_sql("TRUNCATE readings")
    parameters = libpq_parameters(owner_url(settings))
    with sources.opened(file, immutable=True) as source:
        archived = state.Archive(0, file.name, TABLE, "", (), WINDOW_ROWS)
        numbers = list(archive.windows(source, archived, True))
    began = time.monotonic()
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("fork"), initializer=start_mapping, initargs=(parameters, file, archived)
    ) as pool:
        read, stored = (sum(n) for n in zip(*pool.map(map_window, numbers), strict=True))
    return Pass("mapping alone", read, time.monotonic() - began, {"kept": stored})


def pgloader(settings: Settings, file: Path, folder: Path, jobs: int) -> Iterator[Pass]:
    """The same table by pgloader, into a table of the same columns."""
    program = shutil.which("pgloader")
    if program is None:
        print("pgloader is not installed (apt-get install pgloader): not compared")
        return
    url = owner_url(settings).set(drivername="postgresql").render_as_string(hide_password=False)
    command = folder / "load"
    workers = f"workers = {max(jobs, 2)}, concurrency = 1"
    command.write_text(PGLOADER.format(file=file.absolute(), url=url, workers=workers))
    began = time.monotonic()
    done = subprocess.run([program, "--no-ssl-cert-verification", command], capture_output=True, text=True)
    seconds = time.monotonic() - began
    with state.connect(libpq_parameters(owner_url(settings))) as connection:
        row = connection.execute("SELECT to_regclass('public.sensor_readings')").fetchone()
        rows = 0
        if row and row[0]:
            rows = (connection.execute("SELECT count(*) FROM public.sensor_readings").fetchone() or [0])[0]
    if not rows:
        print(f"pgloader loaded nothing:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return
    yield Pass("pgloader", rows, seconds, {"version": version(program)})


def version(program: str) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split("\n")[0]


def processor_seconds() -> float:
    """Of this process and its ended children; PostgreSQL's are not among them."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The most that this process and its workers held at once, in bytes (proportional set size)."""
    peak, stop = [0], threading.Event()
    me = os.getpid()

    def look() -> None:
        while not stop.wait(0.1):
            own = {me} | {process.pid for process in kernel.processes() if process.parent == me}
            servers = {pid for pid in own if pid != me and not is_worker(pid)}
            peak[0] = max(peak[0], kernel.memory_bytes(own - servers))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def is_worker(pid: int) -> bool:
    """Forked workers have this process's command line; the servers' helper has one of its own."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == Path("/proc/self/cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    main()
