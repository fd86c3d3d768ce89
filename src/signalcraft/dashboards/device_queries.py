"""All SQL of what screens show of devices."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signalcraft.fleet.models import OPEN_COMMANDS, Device, DeviceCommand, DeviceState, Machine, Shop
from signalcraft.telemetry.models import DeviceBoot

DeviceRow = tuple[Device, Machine, str | None, DeviceState | None]
"""A device, its machine, the name of the shop, and what the node last said."""


def devices(
    session: Session, shop_ids: frozenset[int] | None, *, shop_id: int | None, machine_id: int | None
) -> list[DeviceRow]:
    """Devices of these shops (None: all but the probe's), by name."""
    statement = _devices().order_by(Device.device_id)
    statement = statement.where(~Machine.probe if shop_ids is None else Machine.shop_id.in_(shop_ids))
    if shop_id is not None:
        statement = statement.where(Machine.shop_id == shop_id)
    if machine_id is not None:
        statement = statement.where(Device.machine_id == machine_id)
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(statement)]


def device(session: Session, key: int) -> DeviceRow:
    row = session.execute(_devices().where(Device.id == key)).one()
    return (row[0], row[1], row[2], row[3])


def clock(session: Session, key: int) -> DeviceBoot | None:
    """How a device's count since its newest start maps to time; None where it sends the time of day."""
    newest = select(DeviceBoot).where(DeviceBoot.device_id == key).order_by(DeviceBoot.learned_at.desc())
    return session.scalar(newest.limit(1))


def open_commands(session: Session, keys: Sequence[int]) -> dict[int, int]:
    """How many commands wait for each of these devices."""
    statement = (
        select(DeviceCommand.device_id, func.count())
        .where(DeviceCommand.device_id.in_(keys), DeviceCommand.state.in_(OPEN_COMMANDS))
        .group_by(DeviceCommand.device_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def _devices() -> Any:
    return (
        select(Device, Machine, Shop.name, DeviceState)
        .join(Machine, Machine.id == Device.machine_id)
        .outerjoin(Shop, Shop.id == Machine.shop_id)
        .outerjoin(DeviceState, DeviceState.device_id == Device.id)
    )
