"""Old shops, devices and the device ids that only readings name become shops, machines and devices."""

import re
import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import sqrt

from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.accounts.models import ShopMember
from signalcraft.clock import EARLIEST, utc_now
from signalcraft.fleet import queries
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.migration import cleaning
from signalcraft.migration.ledger import Ledger, Row, Source, rows
from signalcraft.migration.sources import identifier

STORE_COLUMNS = frozenset({"store_id", "store_name"})
STORE_DEVICE_COLUMNS = frozenset({"device_id", "store_id", "device_name"})
DEVICE_COLUMNS = frozenset({"device_id", "device_name", "firmware_version"})

LENGTH_LIMIT = 64
"""As `fleet.schemas.DeviceId`: a longer name is what an overflow wrote."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SAMPLE = 200
"""Readings of a device by which its unit of acceleration is recognised."""
_GRAVITY_MPS2 = (8.0, 11.6)
"""A node at rest that reports m/s² shows 9.8; in g it would show 1, and none of ours shakes with 8 g."""


@dataclass(frozen=True)
class DeviceName:
    name: str | None
    reason: str | None


def device_name(raw: bytes) -> DeviceName:
    """The device that an id in a file means: no space around it, case kept (two nodes may differ in it)."""
    cleaned = cleaning.text(bytearray(raw))
    if b"\x00" in raw:
        return DeviceName(None, "device_id_holds_nul")
    name = unicodedata.normalize("NFC", (cleaned.value or "").strip())
    if not name:
        return DeviceName(None, "device_id_empty")
    if len(name) > LENGTH_LIMIT:
        return DeviceName(None, "device_id_too_long")
    if _CONTROL.search(name):
        return DeviceName(None, "device_id_holds_control_characters")
    return DeviceName(name, None)


def move_shops(session: Session, source: Source, zone: tzinfo) -> None:
    """Each old store is a shop, also where two have one name: nobody can tell whether they are one."""
    for window in rows(session, source):
        ledger = Ledger(session)
        for row in window:
            if row.is_done:
                continue
            name = cleaning.line(row.values.get("store_name"))
            shop = session.get(Shop, row.earlier.target_id) if row.earlier and row.earlier.target_id else None
            if shop is None:
                created = cleaning.moment(row.values.get("created_at"), zone).value or utc_now()
                shop = Shop(name=(name or "?")[:200], created_at=created)
                session.add(shop)
                session.flush()
                ledger.record(row, "inserted", "shops", shop.id, cleaning.line(row.values.get("store_id")))
            else:
                shop.name = (name or shop.name)[:200]
                ledger.record(row, "merged", "shops", shop.id, cleaning.line(row.values.get("store_id")))
        ledger.write()


def shop_ids(session: Session) -> dict[str, int]:
    """Our shop by the old store's id."""
    return {
        key: target
        for key, target in session.execute(
            text(
                "SELECT note, target_id FROM legacy.outcomes WHERE target = 'shops' AND target_id IS NOT NULL"
            )
        )
        if key
    }


def move_owners(session: Session, source: Source, people: Mapping[str, int]) -> int:
    """`owner_id` of a store, where that person was moved, is its owner; how many that were."""
    shops = shop_ids(session)
    granted = 0
    for window in rows(session, source):
        for row in window:
            user_id = people.get(cleaning.line(row.values.get("owner_id")) or "")
            shop_id = shops.get(cleaning.line(row.values.get("store_id")) or "")
            if user_id and shop_id and session.get(ShopMember, (user_id, shop_id)) is None:
                session.add(ShopMember(user_id=user_id, shop_id=shop_id, role="store_owner"))
                session.flush()
                granted += 1
    return granted


def move_store_devices(session: Session, source: Source, zone: tzinfo) -> None:
    """Devices that a shop registered: theirs, on a machine of their name."""
    shops = shop_ids(session)
    for window in rows(session, source):
        ledger = Ledger(session)
        for row in window:
            if not row.is_done:
                shop_id = shops.get(cleaning.line(row.values.get("store_id")) or "")
                installed = cleaning.moment(row.values.get("installed_at"), zone).value
                _move_device(session, ledger, row, shop_id=shop_id, seen=installed)
        ledger.write()


def move_devices(session: Session, source: Source, zone: tzinfo) -> None:
    """Devices of the sensor database; none of them says whose it is."""
    for window in rows(session, source):
        ledger = Ledger(session)
        for row in window:
            if not row.is_done:
                seen = cleaning.moment(row.values.get("last_seen"), zone).value
                _move_device(session, ledger, row, shop_id=None, seen=seen)
        ledger.write()


def _move_device(
    session: Session, ledger: Ledger, row: Row, *, shop_id: int | None, seen: datetime | None
) -> None:
    raw = row.values.get("device_id")
    named = (
        device_name(bytes(raw)) if isinstance(raw, bytearray) else DeviceName(None, "device_id_is_not_text")
    )
    if named.name is None:
        ledger.reject(row, "devices", named.reason or "")
        return
    label = cleaning.line(row.values.get("device_name"))
    label = None if label in {None, "Unknown"} else label
    firmware = cleaning.line(row.values.get("firmware_version"))
    device = queries.device_named(session, named.name)
    new = device is None
    if device is None:
        device = new_device(session, named.name, label, seen)
    machine = session.get_one(Machine, device.machine_id)
    device.firmware_version = device.firmware_version or firmware
    if seen is not None and seen > device.last_seen_at and seen <= utc_now():
        device.last_seen_at = seen
    if machine.shop_id is None and shop_id is not None:
        machine.shop_id, device.claimed_at = shop_id, utc_now()
    if label and machine.name == named.name:
        machine.name = label[:100]
    ledger.record(row, "inserted" if new else "merged", "devices", device.id)


def register_ids(session: Session, connection: sqlite3.Connection, table: str, *, readings: bool) -> None:
    """Every device id of a table: known from now on, or with the reason why it is none."""
    quoted = identifier(table)
    known = {bytes(raw) for raw in session.scalars(text("SELECT raw FROM legacy.devices"))}
    # An index on the column makes this a few steps per device instead of a pass over the table.
    found = connection.execute(
        "WITH RECURSIVE id(value) AS ("  # noqa: S608  # quoted
        f"SELECT min(device_id) FROM {quoted} UNION ALL "
        f"SELECT (SELECT min(device_id) FROM {quoted} WHERE device_id > id.value) FROM id "
        "WHERE value IS NOT NULL"
        ") SELECT value FROM id WHERE typeof(value) = 'text'"
        if readings
        else f"SELECT DISTINCT device_id FROM {quoted} WHERE typeof(device_id) = 'text'"  # noqa: S608
    ).fetchall()
    for (value,) in found:
        raw = bytes(value)
        if raw in known:
            continue
        named = device_name(raw)
        device_id = None
        if named.name is not None:
            seen = _last_reading(connection, quoted, value) if readings else None
            device = queries.device_named(session, named.name) or new_device(session, named.name, None, seen)
            device.last_seen_at = max(device.last_seen_at, seen or EARLIEST)
            if readings and _is_in_mps2(connection, quoted, value):
                device.vibration_unit = "m/s2"
            device_id = device.id
        session.execute(
            text("INSERT INTO legacy.devices (raw, device_id, reason) VALUES (:raw, :id, :reason)"),
            {"raw": raw, "id": device_id, "reason": named.reason},
        )
    session.flush()


def device_ids(session: Session) -> dict[bytes, tuple[int, int]]:
    """(device, machine) by the device id as it stands in the files."""
    return {
        bytes(raw): (device_id, machine_id)
        for raw, device_id, machine_id in session.execute(
            text(
                "SELECT o.raw, d.id, d.machine_id FROM legacy.devices o JOIN devices d ON d.id = o.device_id"
            )
        )
    }


def new_device(session: Session, name: str, label: str | None, seen: datetime | None) -> Device:
    """A device on a machine of its own, without a shop."""
    machine = Machine(name=(label or name)[:100], synthetic=False)
    session.add(machine)
    session.flush()
    moment = min(seen or EARLIEST, utc_now())  # not now: it would look as if it had just sent something
    device = Device(
        device_id=name,
        machine_id=machine.id,
        sample_rate_hz=16_000,
        vibration_unit="g",
        first_seen_at=moment,
        last_seen_at=moment,
    )
    session.add(device)
    session.flush()
    return device


def _last_reading(connection: sqlite3.Connection, quoted: str, device: bytearray) -> datetime | None:
    """The device's newest plausible time that is not ahead of us."""
    try:
        (newest,) = connection.execute(
            f"SELECT max(timestamp) FROM {quoted} WHERE device_id = CAST(? AS TEXT) "  # noqa: S608  # quoted
            "AND timestamp BETWEEN ? AND ?",
            [bytes(device), cleaning.PLAUSIBLE_FROM, utc_now().timestamp()],
        ).fetchone()
    except sqlite3.DatabaseError:
        return None
    found: datetime | None = cleaning.utc_text(newest).value
    return found


def _is_in_mps2(connection: sqlite3.Connection, quoted: str, device: bytearray) -> bool:
    try:
        sample = connection.execute(
            f"SELECT vibration_x, vibration_y, vibration_z FROM {quoted} "  # noqa: S608  # quoted
            "WHERE device_id = CAST(? AS TEXT) AND typeof(vibration_z) = 'real' LIMIT ?",
            [bytes(device), _SAMPLE],
        ).fetchall()
    except sqlite3.DatabaseError:
        return False
    sizes = sorted(sqrt(sum(v * v for v in row)) for row in sample if all(isinstance(v, float) for v in row))
    return bool(sizes) and _GRAVITY_MPS2[0] <= sizes[len(sizes) // 2] <= _GRAVITY_MPS2[1]
