"""Devices for screens: what they are, how they do, how well their machine is."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.accounts.roles import Permission
from signalcraft.clock import utc_now
from signalcraft.dashboards import device_queries as queries
from signalcraft.dashboards.device_queries import DeviceRow
from signalcraft.dashboards.device_schemas import (
    ClockOut,
    CommandOut,
    DeviceCard,
    DeviceDetail,
    HealthAnswer,
    HealthOut,
    SettingsOut,
    ValuesOut,
)
from signalcraft.fleet import devices, node_settings
from signalcraft.fleet.health import health
from signalcraft.fleet.light import DEFAULT_RHYTHM_S, DeviceStatus, device_status, late_after, offline_after
from signalcraft.fleet.models import DeviceCommand, DeviceState
from signalcraft.fleet.service import get_visible_device
from signalcraft.telemetry import gravity
from signalcraft.telemetry.quality import UNITS_IN_G, vibration_g

NEWEST_COMMANDS = 10
RIGHTS: tuple[Permission, ...] = ("device.manage", "threshold.manage", "export.read")
"""Those a screen of a device asks about, to offer nobody what will be refused."""


def list_devices(
    session: Session, principal: Principal, *, shop_id: int | None = None, machine_id: int | None = None
) -> list[DeviceCard]:
    """The devices this person may see, by name; of one shop or machine, or of all."""
    rows = queries.devices(session, principal.shop_ids, shop_id=shop_id, machine_id=machine_id)
    return _cards(session, rows, utc_now())


def show(session: Session, principal: Principal, device_id: str) -> DeviceDetail:
    """One device with its settings and its newest commands.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    device = get_visible_device(session, principal, device_id)
    [card] = _cards(session, [queries.device(session, device.id)], utc_now())
    clock = queries.clock(session, device.id)
    return DeviceDetail(
        device=card,
        settings=settings_out(node_settings.wanted(session, device)),
        commands=[
            command_out(command)
            for command in devices.orders(session, principal, device_id, limit=NEWEST_COMMANDS)
        ],
        clock=None if clock is None else ClockOut.model_validate(clock, from_attributes=True),
        may=[right for right in RIGHTS if principal.may(right, card.shop_id)],
    )


def device_health(session: Session, principal: Principal, device_id: str) -> HealthAnswer:
    """The health score of a device's machine, explained.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    device = get_visible_device(session, principal, device_id)
    [card] = _cards(session, [queries.device(session, device.id)], utc_now())
    return HealthAnswer(device_id=device_id, health=card.health)


def settings_out(wanted: node_settings.Wanted) -> SettingsOut:
    """Settings as they are answered."""
    return SettingsOut(**asdict(wanted))


def command_out(command: DeviceCommand) -> CommandOut:
    """A command as it is answered."""
    return CommandOut.model_validate(command, from_attributes=True)


def _cards(session: Session, rows: Sequence[DeviceRow], now: datetime) -> list[DeviceCard]:
    keys = [device.id for device, _, _, _ in rows]
    waiting = queries.open_commands(session, keys)
    vibration = _vibration(session, rows)
    return [_card(row, now, waiting.get(row[0].id, 0), vibration.get(row[0].id)) for row in rows]


def _card(row: DeviceRow, now: datetime, open_commands: int, vibration_g: float | None) -> DeviceCard:
    device, machine, shop_name, state = row
    rhythm_s = None if state is None else state.rhythm_s
    status = device_status(device.last_seen_at, now, rhythm_s)
    return DeviceCard.model_validate(
        {
            "device_id": device.device_id,
            "machine_id": machine.id,
            "machine_name": machine.name,
            "shop_id": machine.shop_id,
            "shop_name": shop_name,
            "device_type": device.device_type,
            "vibration_unit": device.vibration_unit,
            "status": status,
            "last_seen_at": device.last_seen_at,
            "rhythm_s": rhythm_s or DEFAULT_RHYTHM_S,
            "late_after_s": late_after(rhythm_s).total_seconds(),
            "offline_after_s": offline_after(rhythm_s).total_seconds(),
            "firmware_version": device.firmware_version,
            "hardware_version": device.hardware_version,
            "boot_count": 0 if state is None else state.boot_count,
            "rssi_dbm": None if state is None else state.rssi_dbm,
            "free_heap_bytes": None if state is None else state.free_heap_bytes,
            "uptime_ms": None if state is None else state.uptime_ms,
            "told_at": None if state is None else state.told_at,
            "id_conflict_at": device.id_conflict_at,
            "open_commands": open_commands,
            "values": _values(state, vibration_g),
            "health": _health(state, vibration_g, device.device_type, status),
        }
    )


def _values(state: DeviceState | None, vibration_g: float | None) -> ValuesOut | None:
    if state is None or state.measured_at is None:
        return None
    return ValuesOut(
        measured_at=state.measured_at,
        temperature_c=state.temperature_c,
        vibration_g=vibration_g,
        power_percent=state.power_percent,
        audio_level=state.audio_level,
        sensor_quality=state.sensor_quality,
    )


def _health(
    state: DeviceState | None, vibration_g: float | None, device_type: str, status: DeviceStatus
) -> HealthOut:
    found = health(
        temperature_c=None if state is None else state.temperature_c,
        vibration_g=vibration_g,
        power_percent=None if state is None else state.power_percent,
        audio_level=None if state is None else state.audio_level,
        sensor_quality=None if state is None else state.sensor_quality,
        device_type=device_type,
        status=status,
    )
    return HealthOut.model_validate(asdict(found))


def _vibration(session: Session, rows: Sequence[DeviceRow]) -> dict[int, float]:
    """The length of each device's newest acceleration without gravity, in g, where it has one."""
    measured = [
        (device.id, np.array(axes, np.float64) * UNITS_IN_G[device.vibration_unit])
        for device, _, _, state in rows
        if state is not None
        and None not in (axes := (state.vibration_x, state.vibration_y, state.vibration_z))
    ]
    if not measured:
        return {}
    keys = [key for key, _ in measured]
    known = gravity.current(session, keys)
    unknown = np.full(3, np.nan)
    lengths = vibration_g(
        np.array([axes for _, axes in measured]), np.array([known.get(key, unknown) for key in keys])
    )
    return dict(zip(keys, lengths.tolist(), strict=True))
