"""All SQL on what nodes last said of themselves, and on how long they have been silent."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, Integer, any_, bindparam, case, func, select, text
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

# A row that another transaction holds is left out: readings wait for nobody, and the next delivery is noted.
# A silence in which the node was given up says nothing of its rhythm; cut short, it still lets a node that
# now sends more rarely be followed.
_UPDATE = text(
    f"""
    WITH held AS MATERIALIZED (
        SELECT device_id FROM device_states
        WHERE device_id = ANY(CAST(:device_ids AS int[])) FOR UPDATE SKIP LOCKED
    )
    UPDATE device_states AS s SET
        rhythm_s = (1 - {NEWER}) * s.rhythm_s + {NEWER} * least(
            coalesce(extract(epoch FROM :received_at - s.last_received_at) / new.contacts, s.rhythm_s),
            greatest({OFFLINE_RHYTHMS} * s.rhythm_s, {SHORTEST_OFFLINE_S})
        ),
        last_received_at = :received_at,
        boot_count = s.boot_count + {_is_boot}::int,
        boot_id = CASE WHEN {_is_boot} THEN new.boot_id ELSE s.boot_id END,
        {_taken}
    FROM held JOIN {_new} ON new.device_id = held.device_id
    WHERE s.device_id = held.device_id
    RETURNING s.device_id
    """  # noqa: S608
)
_INSERT = text(
    f"""
    INSERT INTO device_states (device_id, last_received_at, boot_id, boot_count, measured_at, {_names})
    SELECT device_id, :received_at, boot_id, (boot_id IS NOT NULL)::int, measured_at, {_names}
    FROM {_new}
    WHERE NOT EXISTS (SELECT FROM device_states WHERE device_states.device_id = new.device_id)
    ORDER BY device_id
    ON CONFLICT DO NOTHING
    RETURNING device_id
    """  # noqa: S608
)
_MAKE = text(
    """
    INSERT INTO device_states (device_id)
    SELECT device_id FROM unnest(CAST(:device_ids AS int[])) AS told (device_id)
    WHERE NOT EXISTS (SELECT FROM device_states WHERE device_states.device_id = told.device_id)
    ORDER BY device_id
    ON CONFLICT DO NOTHING
    """
)
_LOCK = (
    select(DeviceState)
    .where(DeviceState.device_id == any_(bindparam("device_ids", type_=ARRAY(Integer()))))
    .order_by(DeviceState.device_id)
    .with_for_update()
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
) -> Sequence[int]:
    """Take over the newest reading of each of these devices, and count its deliveries since the last time.

    Returns
    -------
    The devices whose states are written; the others' are held by another transaction.
    """
    given = {
        "received_at": received_at,
        "device_ids": list(device_ids),
        "contacts": list(contacts),
        "boot_ids": list(boot_ids),
        "measured_at": list(measured_at),
        **{name: list(column) for name, column in values.items()},
    }
    written = session.scalars(_UPDATE, given).all()
    if len(written) < len(device_ids):
        written = [*written, *session.scalars(_INSERT, given)]
    return written


def lock_states(session: Session, device_ids: Collection[int]) -> dict[int, DeviceState]:
    """The state of each device, made if it has none, locked until the transaction ends."""
    given = {"device_ids": sorted(device_ids)}
    session.execute(_MAKE, given)
    rows = session.scalars(_LOCK, given, execution_options={"populate_existing": True})
    return {row.device_id: row for row in rows}


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
    """Every device but the probe's, whose silence the operator is told of otherwise."""
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
        .where(~Machine.probe)
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
