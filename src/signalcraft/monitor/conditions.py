"""When each condition of the catalogue of alerts (`observability/alert_catalogue.py`) is true."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from signalcraft.clock import utc_now
from signalcraft.monitor.facts import BUDGET_S, Facts
from signalcraft.settings import get_settings

Seen = Iterable[tuple[str, str]]
"""What a condition is true of (empty where there is only one), and what was seen of it."""

_GIB = 1024**3
_CERTIFICATE_LEFT = timedelta(days=14)
_ROUND_S = 10.0
_RESTARTS_LIMIT = 3
_SILENT_S = {"database": ("PostgreSQL", 75.0), "redis": ("Redis", 35.0)}
"""Sections that ask a store itself, and for how long they may say nothing: two looks and a half."""


def _incident(facts: Facts) -> Seen:
    return [] if facts.probes.incident is None else [("", facts.probes.incident)]


def _budget_burns(facts: Facts) -> Seen:
    """A tenth of the month's budget within an hour: another nine such hours, and it is gone."""
    failed_s = facts.probes.failed_last_hour() * _ROUND_S
    return [("", f"{failed_s:.0f} s")] if failed_s > BUDGET_S / 10 else []


def _budget_spent(facts: Facts) -> Seen:
    failed_s = facts.from_database("failed_rounds") * _ROUND_S
    return [("", f"{failed_s / BUDGET_S:.0%}")] if failed_s >= BUDGET_S else []


def _store_gone(facts: Facts) -> Seen:
    return [
        (name, f"> {silent_s:g} s")
        for section, (name, silent_s) in _SILENT_S.items()
        if facts.looks.is_silent(section, for_s=silent_s)
    ]


def _process_down(facts: Facts) -> Seen:
    rows = facts.document("processes", within_s=90)["processes"]
    return [(row["name"], row["status"]) for row in rows if row["status"] != "online"]


def _process_restarting(facts: Facts) -> Seen:
    return [(name, f"{count} / 10 min") for name, count in facts.restarts.items() if count >= _RESTARTS_LIMIT]


def _requests_fail(facts: Facts) -> Seen:
    for name, tier in _tiers(facts).items():
        requests, errors = tier.get("requests_per_s", 0.0), tier.get("errors_per_s", 0.0)
        if requests > 0 and errors / requests > 0.01:
            yield name, f"{errors / requests:.1%}"


def _slow(facts: Facts) -> Seen:
    for name, tier in _tiers(facts).items():
        if (p95_s := tier.get("p95_s", 0.0)) > 1:
            yield name, f"p95 {p95_s:.1f} s"


def _tiers(facts: Facts) -> Mapping[str, Mapping[str, Any]]:
    tiers: Mapping[str, Mapping[str, Any]] = facts.document("tiers", within_s=30)["tiers"]
    return tiers


def _nodes_silent(facts: Facts) -> Seen:
    before = facts.from_database("nodes_heard_this_hour")
    return [("", f"0 / {before}")] if before and not facts.from_database("nodes_heard_shortly") else []


def _waits(name: str, limit: float, unit: str) -> Callable[[Facts], Seen]:
    """Whether a number of the queue's section is above a limit."""

    def find(facts: Facts) -> Seen:
        value = facts.document("queue", within_s=60)[name]
        return [("", f"{value:.0f}{unit}")] if value > limit else []

    return find


def _upkeep_stopped(facts: Facts) -> Seen:
    silent_s = facts.from_database("upkeep_silent_s")
    return [("", f"{silent_s:.0f} s")] if silent_s is not None and silent_s > 120 else []


def _disk_full(facts: Facts) -> Seen:
    host = facts.document("host", within_s=60)
    share = host["disk_free_bytes"] / host["disk_total_bytes"]
    return [("", f"{host['disk_free_bytes'] / _GIB:.1f} GiB")] if share < 0.1 else []


def _memory_full(facts: Facts) -> Seen:
    host = facts.document("host", within_s=60)
    share = host["memory_used_bytes"] / host["memory_total_bytes"]
    return [("", f"{share:.0%}")] if share > 0.95 else []


def _connections_scarce(facts: Facts) -> Seen:
    database = facts.document("database", within_s=90)
    used, limit = database["connections"], database["connections_limit"]
    return [("", f"{used} / {limit}")] if used > 0.9 * limit else []


def _backup_old(facts: Facts) -> Seen:
    interval_s = get_settings().backup_interval_hours * 3600
    age_s = facts.from_database("backup_age_s")
    if not interval_s or age_s is None or age_s <= 1.5 * interval_s:
        return []
    return [("", f"{age_s / 3600:.0f} h")]


def _backup_not_trusted(facts: Facts) -> Seen:
    problem = facts.from_database("backup_problem")
    return [] if problem is None else [("", problem)]


def _certificate(facts: Facts) -> Seen:
    ages = facts.document("ages", within_s=900)
    host, problem, ends_at = (ages[f"certificate_{name}"] for name in ("host", "problem", "ends_at"))
    if problem is not None:
        return [(host, problem)]
    if ends_at is None:
        return []
    left = datetime.fromisoformat(ends_at) - utc_now()
    return [(host, f"{left.days} d")] if left < _CERTIFICATE_LEFT else []


def _clock_moved(facts: Facts) -> Seen:
    return [("", f"{facts.clock_step_s:+.0f} s")] if abs(facts.clock_step_s) > 5 else []


CONDITIONS: Mapping[str, Callable[[Facts], Seen]] = {
    "incident": _incident,
    "budget_burns": _budget_burns,
    "budget_spent": _budget_spent,
    "store_gone": _store_gone,
    "process_down": _process_down,
    "process_restarting": _process_restarting,
    "requests_fail": _requests_fail,
    "slow": _slow,
    "nodes_silent": _nodes_silent,
    "analyses_late": _waits("oldest_analysis_s", 60, " s"),
    "queue_grows": _waits("messages", 1000, ""),
    "upkeep_stopped": _upkeep_stopped,
    "mail_waits": _waits("oldest_mail_s", 900, " s"),
    "disk_full": _disk_full,
    "memory_full": _memory_full,
    "connections_scarce": _connections_scarce,
    "backup_old": _backup_old,
    "backup_not_trusted": _backup_not_trusted,
    "certificate": _certificate,
    "clock_moved": _clock_moved,
}
"""By the name in the catalogue: what it is true of now. One that nobody can tell raises `UnknownError`."""
