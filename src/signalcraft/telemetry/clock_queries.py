"""All SQL of what is known of nodes' clocks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_COLUMNS = "device_id, boot, from_us, offset_us"

Row = tuple[int, int, list[int], list[int]]
"""device, boot, uptimes from which the offsets hold, offsets (microseconds)."""


def boots(session: Session, keys: Sequence[tuple[int, int]]) -> list[Row]:
    """Those of these boots (device, boot) that are known."""
    return _rows(
        session,
        f"SELECT {_COLUMNS} FROM device_boots "  # noqa: S608
        "JOIN unnest(cast(:devices AS int[]), cast(:boots AS bigint[])) AS asked (device_id, boot) "
        "USING (device_id, boot)",
        {"devices": [device for device, _ in keys], "boots": [boot for _, boot in keys]},
    )


def unnamed_boots(session: Session, device_ids: Sequence[int], *, newest: int) -> list[Row]:
    """The newest starts of each of these devices that were recognised by their moment."""
    return _rows(
        session,
        f"SELECT {_COLUMNS} FROM unnest(cast(:devices AS int[])) AS asked (id), LATERAL ("  # noqa: S608
        "SELECT * FROM device_boots WHERE device_id = asked.id AND boot < 0 ORDER BY boot LIMIT :newest) b",
        {"devices": list(device_ids), "newest": newest},
    )


def add_boots(session: Session, starts: Mapping[tuple[int, int], int], *, learned_at: datetime) -> None:
    """Note the starts (microseconds since 1970) of boots (device, boot) that are not known yet."""
    session.execute(
        text(
            "INSERT INTO device_boots (device_id, boot, from_us, offset_us, learned_at) "
            "SELECT device, boot, ARRAY[0::bigint], ARRAY[start], :learned_at FROM unnest("
            "cast(:devices AS int[]), cast(:boots AS bigint[]), cast(:starts AS bigint[])) "
            "AS new (device, boot, start) ON CONFLICT DO NOTHING"
        ),
        {
            "devices": [device for device, _ in starts],
            "boots": [boot for _, boot in starts],
            "starts": list(starts.values()),
            "learned_at": learned_at,
        },
    )


def lock_boot(session: Session, key: tuple[int, int]) -> Row:
    """A known boot, locked until the transaction ends."""
    [row] = _rows(
        session,
        f"SELECT {_COLUMNS} FROM device_boots "  # noqa: S608
        "WHERE device_id = :device AND boot = :boot FOR UPDATE",
        {"device": key[0], "boot": key[1]},
    )
    return row


def learn(
    session: Session,
    key: tuple[int, int],
    *,
    from_us: Sequence[int],
    offset_us: Sequence[int],
    drift_ppm: float | None,
    learned_at: datetime,
) -> None:
    session.execute(
        text(
            "UPDATE device_boots SET from_us = :from_us, offset_us = :offset_us, learned_at = :learned_at, "
            "drift_ppm = coalesce(:drift_ppm, drift_ppm) WHERE device_id = :device AND boot = :boot"
        ),
        {
            "device": key[0],
            "boot": key[1],
            "from_us": list(from_us),
            "offset_us": list(offset_us),
            "drift_ppm": drift_ppm,
            "learned_at": learned_at,
        },
    )


def _rows(session: Session, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    found = session.execute(text(statement), parameters)
    return [(device, boot, from_us, offset_us) for device, boot, from_us, offset_us in found]
