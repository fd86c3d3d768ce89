"""A PostgreSQL for a short while, without a port: to try a restored database, or to recover one."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from signalcraft.operations.errors import OperationsError
from signalcraft.operations.postgres import PROGRAMS, SUPERUSER

_PORT = 5432  # of the socket's name only
_ALONE = ("-c", "listen_addresses=")
_THROWN_AWAY = ("-c", "fsync=off", "-c", "archive_mode=off")


@contextmanager
def server(cluster: Path, *, lasting: bool, seconds: float = 3600.0) -> Iterator[psycopg.Connection]:
    """Run a server on `cluster`, and connect its superuser once recovery is over.

    Parameters
    ----------
    lasting : whether the cluster is kept: what is thrown away again need not reach the disk.
    seconds : how long recovery may take.

    Raises
    ------
    OperationsError
        It does not start, or does not reach what it was told to recover to; with the last lines of its log.
    """
    # Socket paths are limited to 107 bytes, so not below the data folder.
    with tempfile.TemporaryDirectory(prefix="sc-pg-") as sockets:
        log = cluster.parent / f"{cluster.name}.log"
        command = [str(PROGRAMS / "postgres"), "-D", str(cluster), "-k", sockets, "-p", str(_PORT), *_ALONE]
        command += [] if lasting else _THROWN_AWAY
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            with _connected(process, sockets, log, time.monotonic() + seconds) as connection:
                yield connection
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(300)
            log.unlink(missing_ok=True)


def _connected(
    process: "subprocess.Popen[bytes]", sockets: str, log: Path, deadline: float
) -> psycopg.Connection:
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise OperationsError(f"PostgreSQL does not come up from the backup: {_reason(log)}")
        try:
            connection = psycopg.connect(
                host=sockets, port=_PORT, user=SUPERUSER, dbname="postgres", autocommit=True
            )
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            if row and not row[0]:
                return connection
            connection.close()
        except psycopg.OperationalError:
            pass
        time.sleep(0.1)


def _reason(log: Path) -> str:
    lines = [
        line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line
    ]
    return (lines or ["see the log of the server"])[-1].split(":  ")[-1]


def rows_by_table(connection: psycopg.Connection) -> dict[str, int]:
    """Rows of each table, every page of it read (and its checksum with it)."""
    names = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
    ).fetchall()
    found = {}
    # An index alone would answer a count, and leave the table itself unread.
    connection.execute("SET enable_indexonlyscan = off")
    for (name,) in names:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
        row = connection.execute(query).fetchone()
        found[str(name)] = int(row[0]) if row else 0
    return found
