"""How many connections all processes may hold together, and whether the server has as many."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from signalcraft.db.connection import application_url, has_owner
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.limits import limits
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.tiers import process_count
from signalcraft.settings import Process, Settings

COLOURS = 2
"""During a deployment the old release and the new one are both at work."""
RESERVE = 14
"""The monitor's four, a migration, a command, Grafana's five, and somebody with psql who looks why nothing
goes on."""
_KINDS: tuple[Process, ...] = ("gateway", "api", "link", "worker")
"""The scheduler has no connection: it names tasks and looks at nothing. Backups use the superuser's, kept for
it, and two for a moment to note what came of them, out of the reserve."""
_SUPERUSER_RESERVED = 3  # PostgreSQL's default
_USUAL = 100

_ROOM = text(
    """
    SELECT current_setting('max_connections')::int
             - current_setting('superuser_reserved_connections')::int
             - coalesce(current_setting('reserved_connections', true)::int, 0) AS server,
           (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = :application) AS role,
           (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()) AS database,
           (SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database
             WHERE datname <> current_database()) AS others
    """
)


@dataclass(frozen=True)
class Budget:
    """What is wanted of the server and what it has."""

    wanted: Mapping[Process, tuple[int, int]]
    """Kind to (processes of one colour, connections each)."""
    room: int | None
    """Connections there are for us; None where a pooler hands them out."""

    @property
    def total(self) -> int:
        return needed(self.wanted)

    @property
    def enough(self) -> bool:
        return self.room is None or self.total <= self.room


def wanted(settings: Settings) -> Mapping[Process, tuple[int, int]]:
    """Processes of one colour and the connections of each, by kind."""
    return {kind: (process_count(kind), limits(settings, kind).connections) for kind in _KINDS}


def needed(shares: Mapping[Process, tuple[int, int]]) -> int:
    """The most connections at one time: every process of both colours at its limit, and a reserve."""
    return COLOURS * sum(processes * each for processes, each in shares.values()) + RESERVE


def server_limit(settings: Settings) -> int:
    """`max_connections` of the embedded server."""
    return max(_USUAL, needed(wanted(settings)) + _SUPERUSER_RESERVED)


def budget(settings: Settings) -> Budget:
    """What the processes may hold, beside what the server has."""
    shares = wanted(settings)
    if settings.database_pooler:
        return Budget(shares, None)
    engine = make_owner_engine(settings)
    with engine.connect() as connection:
        row = connection.execute(_ROOM, {"application": application_url(settings).username}).one()
    limited = [room for room in (row.server - row.others, row.role, row.database) if room is not None]
    return Budget(shares, min(limited))


def check(settings: Settings) -> None:
    """Refuse to start processes that would one day be refused by the server.

    Raises
    ------
    OperationsError
        They could hold more connections together than there are, or migrations would go through a pooler.
    """
    if settings.database_pooler and not has_owner(settings):
        raise OperationsError(
            "Migrations hold a lock for the whole of their connection, which a pooler in transaction mode"
            " does not give: set DATABASE_OWNER_URL straight to the server, beside DATABASE_URL to PgBouncer."
        )
    found = budget(settings)
    if not found.enough:
        web = limits(settings, "api")
        raise OperationsError(
            f"All processes together, both colours during a deployment, may hold {found.total} connections to"
            f" PostgreSQL, and it has {found.room} for them. Raise max_connections (or the limit of the role"
            " or the database), or lower SIGNALCRAFT_DATABASE_POOL_SIZE and"
            f" SIGNALCRAFT_DATABASE_POOL_OVERFLOW, now {web.pool_size} and {web.pool_overflow}, or put"
            " PgBouncer in between (docs/postgresql.md)."
        )
