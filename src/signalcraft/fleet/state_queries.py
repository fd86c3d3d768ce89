"""All SQL on what nodes last said of themselves, and on how long they have been silent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from signalcraft.fleet.light import OFFLINE_RHYTHMS, SHORTEST_OFFLINE_S
from signalcraft.fleet.models import Device, DeviceState, Listening, Machine

VALUES = (
    "temperature_c",
    "vibration_x",
    "vibration_y",
    "vibration_z",
    "power_percent",
    "audio_level",
    "sensor_quality",
)
"""Columns of the newest reading, in the order in which readings are carried."""

NEWER = 0.2
"""Weight of the newest delivery in the rhythm: a changed interval is known after some ten deliveries."""

_names = ", ".join(VALUES)
_arrays = ", ".join(f"CAST(:{name} AS real[])" for name in VALUES)
_new = f"""
    unnest(
        CAST(:device_ids AS int[]), CAST(:contacts AS int[]), CAST(:boot_ids AS bigint[]),
        CAST(:measured_at AS timestamptz[]), {_arrays}
    ) AS new (device_id, contacts, boot_id, measured_at, {_names})
"""
_is_newer = "(s.measured_at IS NULL OR new.measured_at >= s.measured_at)"
_is_boot = f"(new.boot_id IS NOT NULL AND s.boot_id IS DISTINCT FROM new.boot_id AND {_is_newer})"
_taken = ", ".join(
    f"{name} = CASE WHEN {_is_newer} THEN new.{name} ELSE s.{name} END" for name in ("measured_at", *VALUES)
)

# The rows are locked in the order of their keys first: two writers never wait for each other in a circle.
# A silence in which the node was given up says nothing of its rhythm; cut short, it still lets a node that
# now sends more rarely be followed.
_UPDATE = text(
    f"""
    WITH held AS MATERIALIZED (
        SELECT device_id FROM device_states
        WHERE device_id = ANY(CAST(:device_ids AS int[])) ORDER BY device_id FOR UPDATE
    )
    UPDATE device_states AS s SET
        rhythm_s = (1 - {NEWER}) * s.rhythm_s + {NEWER} * least(
            extract(epoch FROM :received_at - coalesce(s.last_received_at, :received_at)) / new.contacts,
            greatest({OFFLINE_RHYTHMS} * s.rhythm_s, {SHORTEST_OFFLINE_S})
        ),
        last_received_at = :received_at,
        boot_count = s.boot_count + {_is_boot}::int,
        boot_id = CASE WHEN {_is_boot} THEN new.boot_id ELSE s.boot_id END,
        {_taken}
    FROM held JOIN {_new} ON new.device_id = held.device_id
    WHERE s.device_id = held.device_id AND s.last_received_at IS NOT NULL
    RETURNING s.device_id
    """  # noqa: S608
)
_INSERT = text(
    f"""
    INSERT INTO device_states AS s (device_id, last_received_at, boot_id, boot_count, measured_at, {_names})
    SELECT device_id, :received_at, boot_id, (boot_id IS NOT NULL)::int, measured_at, {_names}
    FROM {_new}
    WHERE device_id <> ALL(CAST(:known AS int[]))
    ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET
        last_received_at = EXCLUDED.last_received_at,
        boot_id = coalesce(s.boot_id, EXCLUDED.boot_id),
        boot_count = greatest(s.boot_count, EXCLUDED.boot_count),
        measured_at = EXCLUDED.measured_at,
        {", ".join(f"{name} = EXCLUDED.{name}" for name in VALUES)}
    """  # noqa: S608
)


def note(
    session: Session,
    *,
    received_at: datetime,
    device_ids: Sequence[int],
    contacts: Sequence[int],
    boot_ids: Sequence[int | None],
    measured_at: Sequence[datetime],
    values: Mapping[str, Sequence[float | None]],
) -> None:
    """Take over the newest reading of each of these devices, and count its deliveries since the last time."""
    given = {
        "received_at": received_at,
        "device_ids": list(device_ids),
        "contacts": list(contacts),
        "boot_ids": list(boot_ids),
        "measured_at": list(measured_at),
        **{name: list(column) for name, column in values.items()},
    }
    known = session.scalars(_UPDATE, given).all()
    if len(known) < len(device_ids):
        session.execute(_INSERT, given | {"known": list(known)})


def lock_state(session: Session, device_id: int) -> DeviceState:
    """The device's state, made if it has none, locked until the transaction ends."""
    session.execute(insert(DeviceState).values(device_id=device_id).on_conflict_do_nothing())
    return session.get_one(DeviceState, device_id, with_for_update=True, populate_existing=True)


def state_of(session: Session, device_id: int) -> DeviceState | None:
    return session.get(DeviceState, device_id)


def rhythms(session: Session, device_ids: Sequence[int]) -> dict[int, float]:
    """The rhythm of each of these devices that has one, in seconds."""
    statement = select(DeviceState.device_id, DeviceState.rhythm_s)
    rows = session.execute(statement.where(DeviceState.device_id.in_(device_ids)))
    return {row[0]: row[1] for row in rows}


class Silence(NamedTuple):
    """When a device was last heard, its rhythm, and what was last told of it; None: never told anything."""

    key: int
    device_id: str
    machine_id: int
    shop_id: int | None
    last_seen_at: datetime
    rhythm_s: float | None
    status: str | None


def silences(session: Session) -> list[Silence]:
    """Every device."""
    statement = (
        select(
            Device.id,
            Device.device_id,
            Device.machine_id,
            Machine.shop_id,
            Device.last_seen_at,
            DeviceState.rhythm_s,
            DeviceState.status,
        )
        .join(Machine, Machine.id == Device.machine_id)
        .outerjoin(DeviceState, DeviceState.device_id == Device.id)
        .order_by(Device.id)
    )
    return [Silence(*row) for row in session.execute(statement)]


def set_statuses(session: Session, statuses: Mapping[int, str], *, now: datetime) -> None:
    """Write down what is now told of these devices."""
    rows = [
        {"device_id": key, "status": status, "status_since": now} for key, status in sorted(statuses.items())
    ]
    statement = insert(DeviceState)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[DeviceState.device_id],
            set_={"status": statement.excluded.status, "status_since": statement.excluded.status_since},
        ),
        rows,
    )


def listening_since(session: Session, *, now: datetime, pause_s: float) -> datetime:
    """Since when we have listened without a pause of that many seconds; that we do so now is written down."""
    statement = insert(Listening).values(id=1, since=now, until=now)
    paused = func.extract("epoch", statement.excluded.until - Listening.until) > pause_s
    return session.scalars(
        statement.on_conflict_do_update(
            index_elements=[Listening.id],
            set_={
                "since": case((paused, statement.excluded.since), else_=Listening.since),
                "until": statement.excluded.until,
            },
        ).returning(Listening.since)
    ).one()
