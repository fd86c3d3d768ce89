"""All SQL of the administration of shops and devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ShopMember
from signalcraft.fleet.models import Device, Machine, Shop

DeviceState = Literal["unclaimed", "claimed", "blocked"]


@dataclass(frozen=True)
class ShopRow:
    """A shop with how many machines and people it has."""

    shop: Shop
    machines: int
    members: int


@dataclass(frozen=True)
class DeviceRow:
    """A device with its machine, and the name of the shop that claimed it."""

    device: Device
    machine: Machine
    shop_name: str | None


def shops(
    session: Session, *, search: str | None, status: str | None, offset: int, limit: int
) -> tuple[Sequence[ShopRow], int]:
    """One page of shops by name, and how many match in all; not the probe's."""
    conditions: list[ColumnElement[bool]] = [~Shop.probe]
    if search is not None:
        conditions.append(func.lower(Shop.name).contains(search.lower(), autoescape=True))
    if status is not None:
        conditions.append(Shop.status == status)
    total = session.scalar(select(func.count()).select_from(Shop).where(*conditions)) or 0
    rows = session.execute(
        _shops().where(*conditions).order_by(Shop.name, Shop.id).offset(offset).limit(limit)
    )
    return [ShopRow(*row) for row in rows], total


def shop(session: Session, shop_id: int) -> ShopRow | None:
    row = session.execute(_shops().where(Shop.id == shop_id)).one_or_none()
    return None if row is None else ShopRow(*row)


def lock_shop(session: Session, shop_id: int) -> Shop | None:
    return session.get(Shop, shop_id, with_for_update=True)


def devices(
    session: Session, *, search: str | None, state: DeviceState | None, offset: int, limit: int
) -> tuple[Sequence[DeviceRow], int]:
    """One page of devices by name, and how many match in all; not the probe's."""
    conditions: list[ColumnElement[bool]] = [~Machine.probe]
    if search is not None:
        conditions.append(func.lower(Device.device_id).contains(search.lower(), autoescape=True))
    if state == "blocked":
        conditions.append(Device.admission == "blocked")
    elif state is not None:
        claimed = Machine.shop_id.is_not(None)
        conditions.append(claimed if state == "claimed" else ~claimed)
    total = session.scalar(
        select(func.count())
        .select_from(Device)
        .join(Machine, Machine.id == Device.machine_id)
        .where(*conditions)
    )
    rows = session.execute(
        _devices().where(*conditions).order_by(Device.device_id).offset(offset).limit(limit)
    )
    return [DeviceRow(*row) for row in rows], total or 0


def device(session: Session, device_id: str) -> DeviceRow | None:
    row = session.execute(_devices().where(Device.device_id == device_id)).one_or_none()
    return None if row is None else DeviceRow(*row)


def _shops() -> Select[Any]:
    machines = select(func.count()).where(Machine.shop_id == Shop.id).correlate(Shop).scalar_subquery()
    members = select(func.count()).where(ShopMember.shop_id == Shop.id).correlate(Shop).scalar_subquery()
    return select(Shop, machines, members)


def _devices() -> Select[Device, Machine, str]:
    return (
        select(Device, Machine, Shop.name)
        .join(Machine, Machine.id == Device.machine_id)
        .outerjoin(Shop, Shop.id == Machine.shop_id)
    )
