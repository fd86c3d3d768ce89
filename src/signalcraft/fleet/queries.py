"""All SQL on shops, machines and devices."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ARRAY, Row, Text, any_, bindparam, func, select
from sqlalchemy.orm import Session

from signalcraft.fleet.models import Device, Machine, Shop


def device_named(session: Session, device_id: str) -> Device | None:
    return session.scalar(select(Device).where(Device.device_id == device_id))


def devices_named(session: Session, device_ids: Iterable[str]) -> dict[str, Device]:
    """Those of these devices that are known, by name."""
    statement = select(Device).where(Device.device_id == any_(bindparam(None, list(device_ids), ARRAY(Text))))
    return {device.device_id: device for device in session.scalars(statement)}


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


def lock_machines(session: Session, machine_ids: Iterable[int]) -> Sequence[Machine]:
    """These machines in the order of their ids, locked: who raises or clears an alarm holds its machine."""
    statement = select(Machine).where(Machine.id.in_(list(machine_ids))).order_by(Machine.id)
    return session.scalars(statement.with_for_update()).all()


def machine_devices(session: Session, machine_id: int) -> Sequence[Device]:
    return session.scalars(select(Device).where(Device.machine_id == machine_id)).all()


def shops(session: Session, shop_ids: frozenset[int] | None) -> Sequence[Shop]:
    """Shops (None: all) by name."""
    statement = select(Shop).order_by(Shop.name, Shop.id)
    if shop_ids is not None:
        statement = statement.where(Shop.id.in_(shop_ids))
    return session.scalars(statement).all()
