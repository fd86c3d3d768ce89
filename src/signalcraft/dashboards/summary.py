"""How all of a person's shops do, at a glance: no constants, and nothing counted from single readings.

Devices' states are maintained as readings come, days are roll-ups, alarms and excursions are rows: what is
left to do is to add up some thousands of numbers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.clock import utc_now
from signalcraft.dashboards import fleet_queries as queries
from signalcraft.dashboards.fleet_queries import Row, Shops
from signalcraft.dashboards.summary_schemas import (
    FleetOverview,
    HealthDistribution,
    Labelled,
    StatusCounts,
    SummaryAnswer,
    SummaryBody,
    Trends,
)
from signalcraft.fleet import light
from signalcraft.fleet.health import HEALTHY_FROM, TARGET_C, WARNING_FROM, scores
from signalcraft.fleet.models import FREEZER
from signalcraft.telemetry.times import microseconds

WEEK = timedelta(days=7)
_VALUES = ("temperature_c", "vibration_g", "power_percent", "audio_level")


def summary(session: Session, principal: Principal, shop_id: int | None) -> SummaryAnswer:
    """All shops this person sees, or one of them.

    Raises
    ------
    NotFoundError
        There is no such shop, or it is not theirs to see.
    """
    shops = scope(principal, shop_id)
    now = utc_now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    states = queries.states(session, shops)
    weeks = (today - 2 * WEEK, today - WEEK, today)
    counts = queries.count(session, shops, weeks=weeks, urgent=light.URGENT_SEVERITIES)
    days = queries.covered_days(session, shops, since=weeks[0])
    return SummaryAnswer(
        summary=SummaryBody(
            overview=_overview(states, counts, days, now),
            health_distribution=_health(states, now),
            recent_trends=_trends(days, counts, weeks),
            last_updated=now,
        ),
        energy_data=Labelled(
            labels=[f"{day['at']:%Y-%m-%d}" for day in days if day["at"] >= today - WEEK],
            values=[_rounded(day["power_percent_mean"]) for day in days if day["at"] >= today - WEEK],
        ),
        device_status=_statuses(states, now),
        timestamp=now,
    )


def scope(principal: Principal, shop_id: int | None) -> Shops:
    """The shops that a question is about: the one it names, or all that the person sees.

    Raises
    ------
    NotFoundError
        It names one that is not theirs to see.
    """
    if shop_id is None:
        return principal.shop_ids
    principal.require("fleet.read", shop_id)
    return frozenset({shop_id})


def _overview(states: NDArray[np.void], counts: Row, days: Sequence[Row], now: datetime) -> FleetOverview:
    machines = np.unique(states["machine"])
    online = np.unique(states["machine"][states["has_device"] & ~_is_offline(states, now)])
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return FleetOverview(
        total_stores=counts["shops"],
        total_compressors=len(machines),
        online_compressors=len(online),
        offline_compressors=len(machines) - len(online),
        critical_alerts=counts["urgent"],
        warning_alerts=counts["minor"],
        total_energy_cost=None,
        avg_uptime_percentage=_uptime(days, today - WEEK, today),
    )


def _health(states: NDArray[np.void], now: datetime) -> HealthDistribution:
    """Of each machine, by its worst device."""
    score = machine_scores(states, now)
    machine, place = np.unique(states["machine"], return_inverse=True)
    worst = np.full(len(machine), np.inf)
    np.fmin.at(worst, place, score)
    known = np.isfinite(worst)
    return HealthDistribution(
        healthy=int((known & (worst >= HEALTHY_FROM)).sum()),
        warning=int((known & (worst >= WARNING_FROM) & (worst < HEALTHY_FROM)).sum()),
        critical=int((known & (worst < WARNING_FROM)).sum()),
        unknown=int((~known).sum()),
    )


def machine_scores(states: NDArray[np.void], now: datetime) -> NDArray[np.float64]:
    """The health score of each row, NaN where there is nothing to judge by."""
    values = np.stack([states[name] for name in (*_VALUES, "quality")], axis=1).astype(np.float64)
    found = scores(values, np.where(states["is_freezer"], TARGET_C[FREEZER], np.nan))
    return np.where(states["has_device"] & ~_is_offline(states, now), found, np.nan)


def _statuses(states: NDArray[np.void], now: datetime) -> StatusCounts:
    there = states["has_device"]
    offline = there & _is_offline(states, now)
    late = there & ~offline & (_silence_s(states, now) > _limit_s(states, light.late_after))
    silent = np.isnan(np.stack([states[name] for name in _VALUES], axis=1)).all(axis=1)
    error = there & ~offline & silent
    return StatusCounts(
        online=int((there & ~offline & ~late).sum()),
        late=int(late.sum()),
        offline=int(offline.sum()),
        maintenance=None,
        error=int(error.sum()),
    )


def _is_offline(states: NDArray[np.void], now: datetime) -> NDArray[np.bool_]:
    offline: NDArray[np.bool_] = _silence_s(states, now) > _limit_s(states, light.offline_after)
    return offline


def _silence_s(states: NDArray[np.void], now: datetime) -> NDArray[np.float64]:
    silence: NDArray[np.float64] = (microseconds(now) - states["last_seen"].astype(np.int64)) / 1e6
    return silence


def _limit_s(states: NDArray[np.void], limit: Any) -> NDArray[np.float64]:
    """`light.late_after` or `light.offline_after` of each row; few rhythms differ."""
    rhythm, place = np.unique(states["rhythm_s"].astype(np.float64), return_inverse=True)
    limits = [limit(None if np.isnan(one) else one).total_seconds() for one in rhythm.tolist()]
    return np.array(limits)[place]


def _trends(days: Sequence[Row], counts: Row, weeks: Sequence[datetime]) -> Trends:
    power = [_mean_power(days, *week) for week in pairwise(weeks)]
    uptime = [_uptime(days, *week) for week in pairwise(weeks)]
    return Trends(
        energy_cost_trend=_change(*power),
        uptime_trend=_change(*uptime),
        alert_trend=_change(float(counts["earlier"]), float(counts["later"])),
    )


def _mean_power(days: Sequence[Row], start: datetime, end: datetime) -> float | None:
    means = [day["power_percent_mean"] for day in days if start <= day["at"] < end]
    known = [mean for mean in means if mean is not None]
    return sum(known) / len(known) if known else None


def _uptime(days: Sequence[Row], start: datetime, end: datetime) -> float | None:
    """Share of the days of the devices heard in this time that their readings cover, in per cent."""
    inside = [day for day in days if start <= day["at"] < end]
    devices = max((day["devices"] for day in inside), default=0)
    if not devices:
        return None
    return round(100.0 * sum(float(day["covered"]) for day in inside) / (devices * (end - start).days), 1)


def _change(before: float | None, after: float | None) -> float | None:
    if not before or after is None:
        return None
    return round(100.0 * (after - before) / before, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
