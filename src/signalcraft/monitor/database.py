"""PostgreSQL: connections, sizes, slow statements, locks, the oldest transaction."""

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from signalcraft.db.engine import get_engine
from signalcraft.monitor.sampling import Look, Rates

_NOW = text(
    """
    SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS connections,
           count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active') AS active,
           count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
           coalesce(extract(epoch FROM max(now() - xact_start)
                    FILTER (WHERE backend_type = 'client backend')), 0)::float AS oldest_transaction_s,
           current_setting('max_connections')::int AS connections_limit,
           current_setting('server_version') AS version,
           pg_database_size(current_database()) AS size_bytes
    FROM pg_stat_activity
    """
)
_TOTALS = text(
    """
    SELECT xact_commit AS commits_per_s, xact_rollback AS rollbacks_per_s, deadlocks AS deadlocks_per_s,
           blks_hit AS hits, blks_read AS reads
    FROM pg_stat_database WHERE datname = current_database()
    """
)
_BY_APPLICATION = text(
    """
    SELECT coalesce(nullif(application_name, ''), '?') AS name, count(*) AS connections
    FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC, 1
    """
)
_BLOCKED = text(
    """
    SELECT pid, pg_blocking_pids(pid) AS blocked_by, left(query, 200) AS statement,
           extract(epoch FROM now() - query_start)::float AS waiting_s
    FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 ORDER BY waiting_s DESC LIMIT 10
    """
)
_SIZES = text(
    """
    SELECT coalesce(parent.relname, child.relname) AS name,
           sum(pg_total_relation_size(child.oid))::bigint AS size_bytes,
           sum(greatest(child.reltuples, 0))::bigint AS rows
    FROM pg_class child
    LEFT JOIN pg_inherits ON inhrelid = child.oid
    LEFT JOIN pg_class parent ON parent.oid = inhparent
    WHERE child.relkind = 'r' AND child.relnamespace = 'public'::regnamespace
    GROUP BY 1 ORDER BY 2 DESC LIMIT 12
    """
)
_STATEMENTS_SCHEMA = text(
    """
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'pg_stat_statements'
    """
)
_STATEMENTS = """
    SELECT left(query, 300) AS statement, calls, mean_exec_time AS mean_ms, max_exec_time AS longest_ms,
           total_exec_time AS total_ms, rows
    FROM {schema}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND calls > 0
    ORDER BY mean_exec_time DESC LIMIT 10
"""


class Database:
    """Samples the server that the application uses, as the application's role sees it."""

    def __init__(self) -> None:
        self._rates = Rates()

    def look(self) -> Look:
        with get_engine().connect() as connection:
            now = dict(connection.execute(_NOW).one()._mapping)
            totals = {
                name: float(value) for name, value in connection.execute(_TOTALS).one()._mapping.items()
            }
            document = {
                **now,
                "applications": _rows(connection, _BY_APPLICATION),
                "blocked": _rows(connection, _BLOCKED),
                "tables": _rows(connection, _SIZES),
                "slowest_statements": slowest_statements(connection),
            }
        rates = self._rates.of(totals)
        hits, reads = rates.pop("hits", 0.0), rates.pop("reads", 0.0)
        if hits + reads > 0:
            rates["cache_hit_ratio"] = hits / (hits + reads)
        kept = ("connections", "active", "waiting_for_locks", "oldest_transaction_s", "size_bytes")
        numbers = {**{name: float(now[name]) for name in kept}, **rates}
        return Look({**document, **rates}, numbers)


def slowest_statements(connection: Connection) -> list[dict[str, Any]] | None:
    """The ten with the longest mean time; None where the server does not count statements."""
    schema = connection.execute(_STATEMENTS_SCHEMA).scalar()
    if schema is None:
        return None
    try:
        with connection.begin_nested():
            return _rows(connection, text(_STATEMENTS.format(schema=schema)))
    except ProgrammingError:
        return None  # the extension is there and the role may not read it, or it is not loaded


def _rows(connection: Connection, statement: Any) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(statement)]
