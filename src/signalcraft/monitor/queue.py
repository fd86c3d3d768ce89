"""Redis, the queue of tasks in it, and the work that waits."""

from datetime import datetime
from typing import Any

from signalcraft.clock import utc_now
from signalcraft.dashboards import system_queries
from signalcraft.db.session import unit_of_work
from signalcraft.monitor.sampling import Look, Rates
from signalcraft.queue_names import UNACKNOWLEDGED, queue_lists
from signalcraft.realtime.connection import get_redis
from signalcraft.settings import get_settings


class Redis:
    """Samples Redis or Valkey."""

    def __init__(self) -> None:
        self._rates = Rates()

    def look(self) -> Look:
        info: dict[str, Any] = get_redis().info()  # type: ignore[assignment]
        numbers = {
            "memory_bytes": float(info["used_memory"]),
            "clients": float(info["connected_clients"]),
            **self._rates.of({"commands_per_s": float(info["total_commands_processed"])}),
        }
        document = {
            **numbers,
            "version": info.get("valkey_version") or info["redis_version"],
            "memory_limit_bytes": info["maxmemory"] or None,
            "uptime_s": info["uptime_in_seconds"],
            "evicted_keys": info["evicted_keys"],
        }
        return Look(document, numbers)


def waiting() -> Look:
    """Messages on the queue, and the rows that want work: those count when the queue is lost."""
    redis = get_redis()
    messages = {
        priority: int(redis.llen(name))  # type: ignore[arg-type]
        for priority, name in queue_lists(get_settings()).items()
    }
    with unit_of_work() as session:
        analyses, oldest_clip = system_queries.unfinished_analyses(session)
        mails, oldest_mail = system_queries.waiting_mail(session)
        alarms = system_queries.open_alarms(session)
    numbers = {
        "messages": float(sum(messages.values())),
        "unacknowledged": float(redis.hlen(UNACKNOWLEDGED)),  # type: ignore[arg-type]
        "analyses": float(analyses),
        "oldest_analysis_s": _age_s(oldest_clip),
        "mails": float(mails),
        "oldest_mail_s": _age_s(oldest_mail),
    }
    return Look({**numbers, "messages_by_priority": messages, "open_alarms": alarms}, numbers)


def _age_s(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (utc_now() - moment).total_seconds())
