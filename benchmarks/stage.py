"""What a benchmark needs on the instance: a shop, devices with machines, somebody who watches.

All of it is labelled synthetic and removed afterwards, with every clip and result. Events about it stay in
the outbox until they are too old (`event_retention_days`): their numbers have no gaps.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import generate_password, hash_password
from signalcraft.acoustics.learning.models import Baseline, StateModel
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit, unit_of_work
from signalcraft.fleet import administration, keys
from signalcraft.fleet import service as fleet
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.notifications.models import Notification
from signalcraft.storage import objects
from signalcraft.tables import Base  # every table known

SHOP_NAME = "성능 측정 (모의) · Benchmark (synthetic)"
WATCHER_NAME = "Benchmark (synthetic)"
OPERATOR = Principal(user_id=0, username="operator", role="admin")
"""Whoever may read the instance's settings may write to its database anyway."""


@dataclass(frozen=True)
class Stage:
    device_ids: list[str]
    username: str
    password: str


@contextmanager
def stage(devices: int) -> Iterator[Stage]:
    """Claimed devices and an administrator while the block runs; what an earlier run left goes too."""
    strike()
    try:
        yield _set_up(devices)
    finally:
        strike()


def _set_up(devices: int) -> Stage:
    run = secrets.token_hex(3)
    watcher = Stage(
        [f"BENCH-{run}-{number}" for number in range(devices)], f"bench-{run}", generate_password()
    )
    with unit_of_work() as session:
        session.add(
            User(
                username=watcher.username,
                full_name=WATCHER_NAME,
                role="admin",
                password_hash=hash_password(watcher.password),
            )
        )
        shop = administration.create_shop(session, OPERATOR, name=SHOP_NAME, status="active")
        for number, device_id in enumerate(watcher.device_ids, 1):
            device = fleet.see_device(session, device_id, address=None, now=utc_now())
            machine = fleet.get_machine(session, OPERATOR, device.machine_id)
            name = f"모의 냉동기 {number} · Simulated compressor {number}"
            fleet.give_to_shop(session, device, machine, shop.id, name, user_id=None)
            keys.decide(session, device, machine, "keyless", ["127.0.0.0/8"], user_id=None)
            machine.synthetic = True
    return watcher


def strike() -> None:
    """Remove everything that benchmarks made on this instance."""
    with unit_of_work() as session:
        shops = session.scalars(select(Shop.id).where(Shop.name == SHOP_NAME)).all()
        machines = session.scalars(
            select(Machine.id).where(Machine.shop_id.in_(shops), Machine.synthetic)
        ).all()
        _remove_results(session, list(machines))
        _remove_what_devices_left(session, list(machines))
        session.execute(delete(Device).where(Device.machine_id.in_(machines)))
        session.execute(delete(Machine).where(Machine.id.in_(machines)))
        session.execute(delete(Shop).where(Shop.id.in_(shops)))
        session.execute(delete(User).where(User.full_name == WATCHER_NAME, User.username.like("bench-%")))


def _remove_what_devices_left(session: Session, machines: list[int]) -> None:
    """Rows of every table that refers to a device."""
    devices = select(Device.id).where(Device.machine_id.in_(machines))
    for table in reversed(Base.metadata.sorted_tables):
        for reference in table.foreign_keys:
            if reference.column.table is Device.__table__:
                session.execute(table.delete().where(reference.parent.in_(devices)))


def _remove_results(session: Session, machines: list[int]) -> None:
    alarms = select(Alarm.id).where(Alarm.machine_id.in_(machines))
    session.execute(delete(Notification).where(Notification.machine_id.in_(machines)))
    session.execute(delete(AlarmTransition).where(AlarmTransition.alarm_id.in_(alarms)))
    session.execute(delete(Alarm).where(Alarm.machine_id.in_(machines)))
    session.execute(delete(Analysis).where(Analysis.machine_id.in_(machines)))
    session.execute(delete(Baseline).where(Baseline.machine_id.in_(machines)))
    session.execute(delete(StateModel).where(StateModel.machine_id.in_(machines)))
    keys = session.scalars(delete(Clip).where(Clip.machine_id.in_(machines)).returning(Clip.object_key)).all()
    for key in keys:
        after_commit(session, lambda key=key: objects.delete(key))  # type: ignore[misc]
