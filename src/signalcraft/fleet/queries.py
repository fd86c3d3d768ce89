"""All SQL on shops, machines and devices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Row,
    Text,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET
from sqlalchemy.orm import Session

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
    """Devices of these shops (None: all but the probe's), by name, each with its machine."""
    statement = select(Device, Machine).join(Machine, Machine.id == Device.machine_id)
    statement = statement.where(~Machine.probe if shop_ids is None else Machine.shop_id.in_(shop_ids))
    return session.execute(statement.order_by(Device.device_id)).all()


def lock_machines(session: Session, machine_ids: Iterable[int]) -> Sequence[Machine]:
    """These machines in the order of their ids, locked: who raises or clears an alarm holds its machine."""
    statement = select(Machine).where(Machine.id.in_(list(machine_ids))).order_by(Machine.id)
    return session.scalars(statement.with_for_update()).all()


def devices_by_id(session: Session, device_ids: Iterable[int]) -> dict[int, Device]:
    return {
        device.id: device for device in session.scalars(select(Device).where(Device.id.in_(list(device_ids))))
    }


def machine_devices(session: Session, machine_id: int) -> Sequence[Device]:
    return session.scalars(select(Device).where(Device.machine_id == machine_id)).all()


def shops(session: Session, shop_ids: frozenset[int] | None) -> Sequence[Shop]:
    """Shops (None: all but the probe's) by name."""
    statement = select(Shop).where(~Shop.probe if shop_ids is None else Shop.id.in_(shop_ids))
    return session.scalars(statement.order_by(Shop.name, Shop.id)).all()


@dataclass(frozen=True)
class ShownKey:
    """A good key that a node has shown, as it was before this message."""

    id: int
    first_used_at: datetime | None
    last_used_at: datetime | None


class KnownDevice(NamedTuple):
    """What a message of a device is taken by. Thousands are read for each commit, so it is no `Device`."""

    id: int
    device_id: str
    machine_id: int
    vibration_unit: str
    admission: str
    networks: Sequence[str] | None
    last_seen_at: datetime


# Built once: putting such a statement together takes longer than the database takes to answer it.
_KNOWN = tuple(getattr(Device, name) for name in KnownDevice._fields)
_NAMED = select(*_KNOWN).where(Device.device_id == any_(bindparam("names", type_=ARRAY(Text()))))
_NAMED_WITH_KEYS = _NAMED.add_columns(
    DeviceKey.key_hash, DeviceKey.id, DeviceKey.first_used_at, DeviceKey.last_used_at
).outerjoin(
    DeviceKey,
    and_(
        DeviceKey.device_id == Device.id,
        DeviceKey.key_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary()))),
        DeviceKey.revoked_at.is_(None),
        or_(DeviceKey.ends_at.is_(None), DeviceKey.ends_at > bindparam("now")),
    ),
)


def devices_and_keys(
    session: Session, device_ids: Sequence[str], key_hashes: Sequence[bytes], now: datetime
) -> Mapping[str, tuple[KnownDevice, Mapping[bytes, ShownKey]]]:
    """Known devices by name, each with those of its keys that have one of these hashes and are good."""
    names = list(device_ids)
    if not key_hashes:
        rows = session.connection().execute(_NAMED, {"names": names})
        return {row.device_id: (KnownDevice(*row), {}) for row in rows}
    found: dict[str, tuple[KnownDevice, dict[bytes, ShownKey]]] = {}
    given = {"names": names, "hashes": list(key_hashes), "now": now}
    for *known, key_hash, key_id, first_used_at, last_used_at in session.connection().execute(
        _NAMED_WITH_KEYS, given
    ):
        device = KnownDevice(*known)
        keys = found.setdefault(device.device_id, (device, {}))[1]
        if key_hash is not None:
            keys[key_hash] = ShownKey(key_id, first_used_at, last_used_at)
    return found


_HEARD = (
    func.unnest(bindparam("ids", type_=ARRAY(Integer())), bindparam("addresses", type_=ARRAY(Text())))
    .table_valued("id", "address", name="heard")
    .render_derived()
)
_FREE_DEVICES = (
    select(Device.id, _HEARD.c.address)
    .join(_HEARD, _HEARD.c.id == Device.id)
    .order_by(Device.id)
    .with_for_update(of=Device, key_share=True, skip_locked=True)
    .cte("free")
)
_NOTE_HEARD = (
    update(Device)
    .where(Device.id == _FREE_DEVICES.c.id)
    .values(last_seen_at=bindparam("now"), address=_FREE_DEVICES.c.address.cast(INET))
    .execution_options(synchronize_session=False)
)


def note_heard(session: Session, heard: Mapping[int, str | None], now: datetime) -> None:
    """Note when and where these devices were heard last.

    A row that another transaction holds is left out: it is about to note the same.
    """
    given = {"ids": list(heard), "addresses": list(heard.values()), "now": now}
    session.connection().execute(_NOTE_HEARD, given)


_FREE_KEYS = (
    select(DeviceKey.id)
    .where(DeviceKey.id == any_(bindparam("ids", type_=ARRAY(BigInteger()))))
    .order_by(DeviceKey.id)
    .with_for_update(key_share=True, skip_locked=True)
    .cte("free")
)
_NOTE_KEY_USE = update(DeviceKey).where(DeviceKey.id == _FREE_KEYS.c.id).values(last_used_at=bindparam("now"))


def note_key_use(session: Session, key_ids: Sequence[int], now: datetime) -> None:
    """Note when these keys were used last; a row that another transaction holds is left out."""
    session.connection().execute(_NOTE_KEY_USE, {"ids": list(key_ids), "now": now})


def lock_key(session: Session, key_id: int) -> tuple[DeviceKey, Device]:
    """A key and its device, which is locked until the transaction ends; both as they are now."""
    statement = (
        select(DeviceKey, Device)
        .join(Device, Device.id == DeviceKey.device_id)
        .where(DeviceKey.id == key_id)
        .with_for_update(of=Device, key_share=True)
        .execution_options(populate_existing=True)
    )
    key, device = session.execute(statement).one()
    session.refresh(key)  # the wait for the lock may have been long
    return key, device


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
