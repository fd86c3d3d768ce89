"""The old hourly statistics against the moved readings: a check of both, and of the assumed zone."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from signalcraft.bilingual import Text

OFFSETS_H = (0, 9)
"""The server's zone was UTC (as its host is shipped) or Korea's (as its people set it)."""
_NEAR = 0.005
"""°C; the old averages are of the same two-decimal values, ours of their 32-bit neighbours."""

_OLD = """
SELECT device_id, body->>'date', (body->>'hour')::float8, (body->>'avg_temperature')::float8,
       (body->>'max_temperature')::float8, (body->>'min_temperature')::float8
FROM imported_records WHERE kind = 'statistics'
"""
_OURS = """
SELECT device_id, date_trunc('hour', measured_at), avg(temperature_c), max(temperature_c), min(temperature_c)
FROM readings WHERE device_id = ANY(%s) AND temperature_c IS NOT NULL GROUP BY 1, 2
"""

Hours = Mapping[tuple[int, datetime], tuple[float, ...]]


def compare(connection: psycopg.Connection) -> dict[str, int]:
    """Old rows by what they turned out to be.

    Returns
    -------
    rows; `equal_<offset>` for each offset; `zero_for_no_data`; `different`; `not_understood`.
    """
    old = connection.execute(_OLD).fetchall()
    devices = sorted({row[0] for row in old if row[0] is not None})
    ours: Hours = {}
    if devices:
        ours = {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(_OURS, [devices])}
    found: dict[str, int] = defaultdict(int, rows=len(old))
    for device, date, hour, *values in old:
        for kind in _kinds(ours, device, _start(date, hour), values):
            found[kind] += 1
    return dict(found)


def sentence(found: Mapping[str, int]) -> Text:
    """The result for people."""
    zero, equal = found.get("zero_for_no_data", 0), [found.get(f"equal_{h}", 0) for h in OFFSETS_H]
    rest = found.get("different", 0) + found.get("not_understood", 0)
    return Text(
        ko=(
            f"옛 시간별 통계 {found['rows']:,}행: 옮긴 측정값과 같음 UTC 기준 {equal[0]:,}, "
            f"한국 시각 기준 {equal[1]:,}; "
            f"자료가 없는 시간이 0으로 적힘 {zero:,}; 다르거나 이해할 수 없음 {rest:,}."
        ),
        en=(
            f"Old hourly statistics, {found['rows']:,} rows: equal to the moved readings "
            f"in UTC {equal[0]:,}, "
            f"in Korean time {equal[1]:,}; 0 written where there was no data {zero:,}; "
            f"different or not understood {rest:,}."
        ),
    )


def _start(date: str | None, hour: float | None) -> datetime | None:
    try:
        day = datetime.fromisoformat((date or "").replace("/", "-")).replace(tzinfo=UTC)
    except ValueError:
        return None
    return day + timedelta(hours=hour) if hour is not None and 0 <= hour < 24 else None


def _kinds(ours: Hours, device: int | None, start: datetime | None, values: list[Any]) -> list[str]:
    if device is None or start is None:
        return ["not_understood"]
    equal = [
        f"equal_{offset}"
        for offset in OFFSETS_H
        if _is_near(ours.get((device, start - timedelta(hours=offset))), values)
    ]
    if equal:
        return equal
    return ["zero_for_no_data"] if all(value in {0, None} for value in values) else ["different"]


def _is_near(ours: tuple[float, ...] | None, old: list[float | None]) -> bool:
    return ours is not None and all(
        theirs is not None and abs(mine - theirs) < _NEAR for mine, theirs in zip(ours, old, strict=True)
    )
