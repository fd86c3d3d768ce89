"""Nodes for the benchmarks of readings: made in bulk, labelled synthetic, removed with all they sent."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Integer, func, insert, select, text

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from benchmarks.stage import SHOP_NAME, strike
from signalcraft.db.engine import make_owner_engine
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.settings import Settings
from signalcraft.telemetry import partitions
from signalcraft.telemetry.models import Reading

_REMOVED = (
    "readings", "readings_minute", "readings_hour", "readings_day", "device_boots", "device_gravity",
    "device_states", "threshold_excursions", "threshold_work", "threshold_states",
)  # fmt: skip


@dataclass(frozen=True)
class Nodes:
    """Names as sent, and `devices.id` of each in the same order."""

    names: list[str]
    keys: list[int]


@contextmanager
def nodes(settings: Settings, number: int, days: list[date] | None = None) -> Iterator[Nodes]:
    """So many claimed nodes while the block runs, with partitions for the days."""
    _remove(settings)
    with unit_of_work() as session:
        partitions.ensure_days(session, days or [])
    try:
        yield make(number)
    finally:
        _remove(settings)


def make(number: int) -> Nodes:
    """So many claimed nodes, which whoever asked removes with all else."""
    run = secrets.token_hex(3)
    names = [f"BENCH-{run}-{place:05d}" for place in range(number)]
    with unit_of_work() as session:
        shop = session.scalars(insert(Shop).values(name=SHOP_NAME).returning(Shop.id)).one()
        machines = session.scalars(
            insert(Machine).returning(Machine.id),
            [{"name": name, "shop_id": shop, "synthetic": True} for name in names],
        ).all()
        rows = [
            {"device_id": name, "machine_id": machine}
            for name, machine in zip(names, sorted(machines), strict=True)
        ]
        session.execute(insert(Device), rows)
        found = [
            (name, key)
            for name, key in session.execute(
                select(Device.device_id, Device.id).where(Device.device_id.startswith(f"BENCH-{run}-"))
            )
        ]
    return Nodes(names, [key for _, key in sorted(found)])


def _remove(settings: Settings) -> None:
    """Everything of an earlier run too, as the owner: rows by the million take longer than a request may."""
    machines = "SELECT m.id FROM machines m JOIN shops s ON s.id = m.shop_id WHERE s.name = :shop"
    devices = f"SELECT d.id FROM devices d WHERE d.machine_id IN ({machines})"  # noqa: S608
    with make_owner_engine(settings).begin() as connection:
        for table in _REMOVED:
            statement = f"DELETE FROM {table} WHERE device_id IN ({devices})"  # noqa: S608
            connection.execute(text(statement), {"shop": SHOP_NAME})
    strike()


def measured_at(key: int) -> list[int]:
    """The moments of a device's stored readings, in seconds since 1970."""
    with unit_of_work() as session:
        moments = session.scalars(
            select(func.extract("epoch", Reading.measured_at).cast(Integer)).where(Reading.device_id == key)
        )
        return list(moments)
