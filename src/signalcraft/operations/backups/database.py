"""The database's part of a backup: the embedded server's whole cluster, or a dump of one elsewhere."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import psycopg
import psycopg.sql

from signalcraft.clock import utc_now
from signalcraft.db.connection import libpq_parameters, owner_url
from signalcraft.operations.backups.destination import Destination, Source
from signalcraft.operations.backups.manifest import File
from signalcraft.operations.backups.sealing import Identity, Seal, open_into
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.postgres import PROGRAMS, SUPERUSER, Postgres
from signalcraft.settings import Settings


@dataclass(frozen=True)
class Position:
    """Where a cluster stands in its log."""

    system: str
    segment: str


def position(instance: Instance) -> Position:
    """Of the embedded server."""
    with Postgres(instance).connect() as connection:
        row = connection.execute(
            "SELECT system_identifier::text, pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()"
        ).fetchone()
    if row is None:
        raise OperationsError("PostgreSQL does not say where its log stands.")
    return Position(row[0], row[1])


def store(
    instance: Instance, destination: Destination, name: str, seal: Seal, also: Sequence[Identity]
) -> File:
    """Store the database as it is at one moment, while everything runs on."""
    if instance.embeds_postgres:
        with _log_held(instance):
            return _store(_basebackup(instance), destination, name, seal, also)
    url = libpq_parameters(owner_url(instance.settings))
    command = [str(PROGRAMS / "pg_dump"), "--format=custom", "--compress=none"]
    # Extensions are the server's: they hold nothing of ours, and the owner may not create them.
    command += ["--exclude-extension=*", "--exclude-schema=statistics"]
    command += ["--no-owner", "--no-privileges", f"--dbname={_without_password(url)}"]
    return _store(command, destination, name, seal, also, str(url.get("password", "")))


def _basebackup(instance: Instance) -> list[str]:
    return [
        *(str(PROGRAMS / "pg_basebackup"), "--pgdata=-", "--format=tar", "--wal-method=fetch"),
        *("--checkpoint=fast", f"--host={instance.run_dir}", f"--port={Postgres(instance).port}"),
        f"--username={SUPERUSER}",
    ]


@contextmanager
def _log_held(instance: Instance) -> Iterator[None]:
    """Keep the log that the backup needs until it is fetched at its end; forgotten with the connection."""
    with Postgres(instance).connect() as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('signalcraft_backup', true, true)")
        yield


def _store(
    command: list[str],
    destination: Destination,
    name: str,
    seal: Seal,
    also: Sequence[Identity],
    password: str = "",
) -> File:
    environment = {**os.environ, "PGPASSWORD": password} if password else None
    # Its words go to a file: a full pipe that nobody reads would stop it.
    with tempfile.TemporaryFile() as said, destination.writing(name) as sink:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment) as process:
            seal.write(cast("Source", process.stdout), sink, also=also)
        _check(process.returncode, command, said)
    total = sink.sum()
    return File(name=name, size=total.size, sha256=total.sha256)


def unpack(destination: Destination, file: File, folder: Path, identities: Sequence[Identity]) -> None:
    """The cluster's files into `folder`, which is made.

    Raises
    ------
    OperationsError
        The stored file is not what was written, or does not open.
    """
    folder.mkdir(mode=0o700)
    _open(destination, file, ["tar", "--extract", "--file=-", f"--directory={folder}"], identities)


def verify_files(folder: Path) -> None:
    """Compare each file with the list that PostgreSQL made of them."""
    _run([str(PROGRAMS / "pg_verifybackup"), "--quiet", str(folder)], "The cluster's files are damaged")


def load(
    destination: Destination, file: File, target: str, identities: Sequence[Identity], password: str = ""
) -> None:
    """A dump into the empty database of the connection string `target`."""
    command = [str(PROGRAMS / "pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error"]
    _open(destination, file, [*command, f"--dbname={target}"], identities, password)


def load_outside(
    settings: Settings, destination: Destination, file: File, identities: Sequence[Identity]
) -> None:
    """A dump into the database that DATABASE_URL names; what was in it stays beside, as `public_before_…`."""
    parameters = libpq_parameters(owner_url(settings))
    former = psycopg.sql.Identifier(f"public_before_{utc_now():%Y%m%dt%H%M%Sz}")
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("ALTER SCHEMA public RENAME TO {}").format(former))
        connection.execute("CREATE SCHEMA public")
    load(destination, file, _without_password(parameters), identities, str(parameters.get("password", "")))


def initialise(folder: Path) -> None:
    """An empty cluster, for a dump."""
    command = [str(PROGRAMS / "initdb"), f"--pgdata={folder}", f"--username={SUPERUSER}", "--encoding=UTF8"]
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--auth-local=trust"]
    _run([*command, *locale], "initdb failed")


def _open(
    destination: Destination,
    file: File,
    command: list[str],
    identities: Sequence[Identity],
    password: str = "",
) -> None:
    environment = {**os.environ, "PGPASSWORD": password} if password else None
    encrypted = file.name.endswith(".age")
    with tempfile.TemporaryFile() as said, destination.reading(file.name) as source:
        # Where the program has ended early, its own words say why.
        with (
            suppress(BrokenPipeError),
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said, env=environment) as process,
        ):
            open_into(source, process.stdin, encrypted=encrypted, identities=identities)
        _check(process.returncode, command, said)
        if source.sum().sha256 != file.sha256:
            raise OperationsError(f"{file.name} is not what was written: choose another backup (--backup).")


def _check(code: int, command: list[str], said: IO[bytes]) -> None:
    if code != 0:
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
        raise OperationsError(f"{Path(command[0]).name} failed: {words}")


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OperationsError(f"{what}: {(done.stderr or done.stdout).strip()}")


def _without_password(parameters: dict[str, object]) -> str:
    """Not on the command line, where every account of the machine could read it."""
    shown = {name: value for name, value in parameters.items() if name != "password" and value}
    return psycopg.conninfo.make_conninfo(**shown)  # type: ignore[arg-type]


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def system_of(cluster: Path) -> str:
    """Identifier of a cluster whose server does not run."""
    done = subprocess.run([str(PROGRAMS / "pg_controldata"), str(cluster)], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("Database system identifier:")]
    return lines[0].split()[-1] if lines else ""
