"""All SQL on shops, machines and devices."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Row,
    Text,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from signalcraft.fleet.models import ClaimCode, Device, DeviceKey, Machine, Shop


def device_named(session: Session, device_id: str) -> Device | None:
    return session.scalar(select(Device).where(Device.device_id == device_id))


def count_unclaimed(session: Session) -> int:
    statement = select(func.count()).select_from(Device).join(Machine, Machine.id == Device.machine_id)
    return session.scalar(statement.where(Machine.shop_id.is_(None))) or 0


def lock_device(session: Session, device_id: str) -> Device | None:
    """The device, locked until the transaction ends."""
    return session.scalar(select(Device).where(Device.device_id == device_id).with_for_update())


def devices_with_machines(
    session: Session, shop_ids: frozenset[int] | None
) -> Sequence[Row[Device, Machine]]:
    """Devices of these shops (None: all), by name, each with its machine."""
    statement = select(Device, Machine).join(Machine, Machine.id == Device.machine_id)
    if shop_ids is not None:
        statement = statement.where(Machine.shop_id.in_(shop_ids))
    return session.execute(statement.order_by(Device.device_id)).all()


def machine_devices(session: Session, machine_id: int) -> Sequence[Device]:
    return session.scalars(select(Device).where(Device.machine_id == machine_id)).all()


def shops(session: Session, shop_ids: frozenset[int] | None) -> Sequence[Shop]:
    """Shops (None: all) by name."""
    statement = select(Shop).order_by(Shop.name, Shop.id)
    if shop_ids is not None:
        statement = statement.where(Shop.id.in_(shop_ids))
    return session.scalars(statement).all()


def devices_and_keys(
    session: Session, device_ids: Sequence[str], key_hashes: Sequence[bytes], now: datetime
) -> Mapping[str, tuple[Device, Mapping[bytes, DeviceKey]]]:
    """Known devices by name, each with those of its keys that have one of these hashes and are good."""
    statement = select(Device).where(Device.device_id == any_(_array(device_ids, Text())))
    if not key_hashes:
        return {device.device_id: (device, {}) for device in session.scalars(statement)}
    with_keys = statement.add_columns(DeviceKey).outerjoin(
        DeviceKey,
        and_(
            DeviceKey.device_id == Device.id,
            DeviceKey.key_hash == any_(_array(key_hashes, LargeBinary())),
            DeviceKey.revoked_at.is_(None),
            or_(DeviceKey.ends_at.is_(None), DeviceKey.ends_at > now),
        ),
    )
    found: dict[str, tuple[Device, dict[bytes, DeviceKey]]] = {}
    for device, key in session.execute(with_keys):
        keys = found.setdefault(device.device_id, (device, {}))[1]
        if key is not None:
            keys[key.key_hash] = key
    return found


def note_heard(session: Session, heard: Mapping[int, str | None], now: datetime) -> None:
    """Note when and where these devices were heard last.

    A row that another transaction holds is left out: it is about to note the same.
    """
    ids, addresses = _array(list(heard), Integer()), _array(list(heard.values()), Text())
    given = func.unnest(ids, addresses).table_valued("id", "address", name="heard").render_derived()
    seen = (
        select(Device.id, given.c.address)
        .join(given, given.c.id == Device.id)
        .order_by(Device.id)
        .with_for_update(of=Device, key_share=True, skip_locked=True)
        .cte("seen")
    )
    session.execute(
        update(Device)
        .where(Device.id == seen.c.id)
        .values(last_seen_at=now, address=seen.c.address.cast(INET))
        .execution_options(synchronize_session=False)
    )


def note_key_use(session: Session, key_ids: Sequence[int], now: datetime) -> None:
    """Note when these keys were used last; a row that another transaction holds is left out."""
    free = (
        select(DeviceKey.id)
        .where(DeviceKey.id.in_(key_ids))
        .order_by(DeviceKey.id)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("free")
    )
    session.execute(
        update(DeviceKey)
        .where(DeviceKey.id == free.c.id)
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


def lock_key_s_device(session: Session, key: DeviceKey) -> Device:
    """The device of a key, locked until the transaction ends, and both as they are now."""
    statement = select(Device).where(Device.id == key.device_id).with_for_update(key_share=True)
    device = session.scalars(statement, execution_options={"populate_existing": True}).one()
    session.refresh(key)
    return device


def device_keys(session: Session, device_id: int) -> Sequence[DeviceKey]:
    """Every key a device ever had, newest first."""
    statement = select(DeviceKey).where(DeviceKey.device_id == device_id).order_by(DeviceKey.id.desc())
    return session.scalars(statement).all()


def device_key(session: Session, device_id: int, key_id: int) -> DeviceKey | None:
    return session.scalar(select(DeviceKey).where(DeviceKey.device_id == device_id, DeviceKey.id == key_id))


def unused_keys(session: Session, device_id: int) -> Sequence[DeviceKey]:
    """Keys of a device that were issued and never shown."""
    return session.scalars(
        select(DeviceKey).where(
            DeviceKey.device_id == device_id,
            DeviceKey.first_used_at.is_(None),
            DeviceKey.revoked_at.is_(None),
        )
    ).all()


def end_other_keys(session: Session, key: DeviceKey, at: datetime) -> None:
    """Let every other good key of the device end then."""
    session.execute(
        update(DeviceKey)
        .where(
            DeviceKey.device_id == key.device_id,
            DeviceKey.id != key.id,
            DeviceKey.revoked_at.is_(None),
            DeviceKey.ends_at.is_(None),
        )
        .values(ends_at=at)
    )


def claim_codes(session: Session, shop_id: int) -> Sequence[tuple[ClaimCode, str | None]]:
    """Codes of a shop, newest first, each with the name of the device that used it."""
    statement = (
        select(ClaimCode, Device.device_id)
        .outerjoin(Device, Device.id == ClaimCode.device_id)
        .where(ClaimCode.shop_id == shop_id)
        .order_by(ClaimCode.id.desc())
        .limit(100)
    )
    return [(code, device_id) for code, device_id in session.execute(statement)]


def lock_claim_code(session: Session, code_hash: bytes) -> ClaimCode | None:
    """The code, locked until the transaction ends: two nodes cannot both use it."""
    return session.scalar(select(ClaimCode).where(ClaimCode.code_hash == code_hash).with_for_update())


def _array(values: Sequence[object], element: TypeEngine[Any]) -> ColumnElement[Any]:
    """One parameter, however many values there are: the statement stays the same, and prepared."""
    return literal(list(values), ARRAY(element))
