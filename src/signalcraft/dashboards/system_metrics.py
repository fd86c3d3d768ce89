"""What is true of the whole system rather than of one process, asked for whenever Prometheus asks.

The monitor serves it.
"""

import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import redis
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from signalcraft.clock import utc_now
from signalcraft.dashboards import system_queries
from signalcraft.dashboards.system_queries import DatabaseServer
from signalcraft.db.session import unit_of_work
from signalcraft.logging import get_logger
from signalcraft.observability import backup_runs
from signalcraft.queue_names import UNACKNOWLEDGED, queue_lists
from signalcraft.realtime.connection import get_redis
from signalcraft.settings import get_settings

log = get_logger(__name__)

_HEARD = timedelta(minutes=10)
"""Without a word for so long, most nodes are offline."""


class SystemFacts(Collector):
    """Gauges out of PostgreSQL, Redis and the disk; what does not answer is left out, and that is a gauge."""

    def collect(self) -> Iterator[Metric]:
        """Everything there is to say now."""
        answers = GaugeMetricFamily(
            "signalcraft_store_up", "Whether a store answers: 1 or 0.", labels=["store"]
        )
        for store, facts in (
            ("database", self.of_database),
            ("redis", self.of_redis),
            ("disk", self.of_disk),
        ):
            try:
                yield from list(facts())
            except (DBAPIError, PoolTimeoutError, redis.RedisError, OSError) as error:
                log.warning("facts_not_known", store=store, reason=type(error).__name__)
                answers.add_metric([store], 0)
            else:
                answers.add_metric([store], 1)
        yield answers

    def of_database(self) -> Iterable[Metric]:
        """Raises DBAPIError or sqlalchemy's TimeoutError where it does not answer."""
        with unit_of_work() as session:
            analyses, oldest_clip = system_queries.unfinished_analyses(session)
            alarms = system_queries.open_alarms(session)
            mail, oldest_mail = system_queries.waiting_mail(session)
            server = system_queries.database_server(session)
            backup = backup_runs.last_trusted(session)
            nodes = system_queries.nodes_heard(session, since=utc_now() - _HEARD)
        yield _gauge("signalcraft_analyses_unfinished", "Analyses queued or under way.", analyses)
        yield _gauge(
            "signalcraft_analyses_oldest_unfinished_seconds",
            "Age of the oldest clip without a result.",
            _age_s(oldest_clip),
        )
        open_alarms = GaugeMetricFamily(
            "signalcraft_alarms_open", "Open alarms by severity.", labels=["severity"]
        )
        for severity, number in alarms.items():
            open_alarms.add_metric([severity], number)
        yield open_alarms
        yield _gauge("signalcraft_mail_waiting", "Mail not delivered yet.", mail)
        yield _gauge(
            "signalcraft_mail_oldest_waiting_seconds", "Age of the oldest of it.", _age_s(oldest_mail)
        )
        yield _gauge("signalcraft_nodes_heard", "Devices of shops heard in the last ten minutes.", nodes)
        yield from _of_server(server)
        yield _gauge(
            "signalcraft_backup_last_trusted_timestamp_seconds",
            "When the newest backup that was tried began, seconds since 1970; 0 where there is none.",
            0.0 if backup is None else backup.timestamp(),
        )

    def of_redis(self) -> Iterable[Metric]:
        """Raises redis.RedisError where it does not answer."""
        messages = GaugeMetricFamily(
            "signalcraft_queue_messages", "Messages on the queue, by priority.", labels=["priority"]
        )
        for priority, name in queue_lists(get_settings()).items():
            messages.add_metric([priority], float(get_redis().llen(name)))  # type: ignore[arg-type]
        yield messages
        yield _gauge(
            "signalcraft_queue_unacknowledged",
            "Messages that the worker has taken and not ended.",
            float(get_redis().hlen(UNACKNOWLEDGED)),  # type: ignore[arg-type]
        )

    def of_disk(self) -> Iterable[Metric]:
        """Raises OSError where the data folder is not there."""
        usage = shutil.disk_usage(get_settings().data_dir)
        yield _gauge("signalcraft_disk_free_bytes", "Room left on the data folder's disk.", usage.free)
        yield _gauge("signalcraft_disk_size_bytes", "Size of the data folder's disk.", usage.total)


def _of_server(server: DatabaseServer) -> Iterable[Metric]:
    for name, says, value in (
        ("connections", "Connections to the database's server.", server.connections),
        ("connections_limit", "How many connections it allows.", server.connections_limit),
        ("active", "Connections that work on a statement.", server.active),
        ("waiting_for_locks", "Connections that wait for a lock.", server.waiting_for_locks),
        ("oldest_transaction_seconds", "Age of the oldest open transaction.", server.oldest_transaction_s),
        ("size_bytes", "Size of our database.", server.size_bytes),
    ):
        yield _gauge(f"signalcraft_database_server_{name}", says, value)
    transactions = CounterMetricFamily(
        "signalcraft_database_server_transactions",
        "Transactions that ended, by how they did.",
        labels=["outcome"],
    )
    transactions.add_metric(["committed"], server.commits)
    transactions.add_metric(["rolled back"], server.rollbacks)
    yield transactions
    yield CounterMetricFamily(
        "signalcraft_database_server_deadlocks", "Deadlocks that were found.", value=server.deadlocks
    )


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, description, value=value)


def _age_s(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (utc_now() - moment).total_seconds())
