"""All SQL of what screens show of whole shops: from the devices' maintained state, days and alarms."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.telemetry.quality import STANDARD_GRAVITY

Row = dict[str, Any]

_VISIBLE = "(cast(:shops AS bigint[]) IS NULL OR m.shop_id = ANY(:shops))"
"""All machines where no shops are named, and then those without a shop as well."""


def newest_values(session: Session, shop_ids: frozenset[int] | None) -> list[Row]:
    """What the devices of these shops (None: all) last measured, by machine; machines without one too.

    `vibration_g` is what `quality.vibration_g` says, None while the device's gravity is not known.
    """
    return _rows(
        session,
        f"""
        SELECT m.id AS machine_id, m.name AS machine_name, m.shop_id, d.device_id, d.device_type,
            d.last_seen_at, d.firmware_version, s.rhythm_s, s.measured_at, s.last_received_at,
            s.temperature_c, s.power_percent, s.audio_level, s.sensor_quality,
            sqrt((s.vibration_x * u.g - g.x) ^ 2 + (s.vibration_y * u.g - g.y) ^ 2
                + (s.vibration_z * u.g - g.z) ^ 2) AS vibration_g
        FROM machines m
        LEFT JOIN devices d ON d.machine_id = m.id
        LEFT JOIN device_states s ON s.device_id = d.id
        LEFT JOIN LATERAL (SELECT x, y, z FROM device_gravity WHERE device_id = d.id
            ORDER BY since DESC LIMIT 1) g ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN d.vibration_unit = 'g' THEN 1.0 ELSE :metre END AS g) u
        WHERE {_VISIBLE}
        ORDER BY lower(m.name), m.id, d.device_id
        """,  # noqa: S608
        {"shops": _shops(shop_ids), "metre": 1 / STANDARD_GRAVITY},
    )


def _shops(shop_ids: frozenset[int] | None) -> list[int] | None:
    return None if shop_ids is None else sorted(shop_ids)


def _rows(session: Session, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    result = session.execute(text(statement), parameters)
    keys = list(result.keys())
    return [dict(zip(keys, row, strict=True)) for row in result]
