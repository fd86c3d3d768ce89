"""What nodes say of themselves between their readings: starts, signal strength, memory, versions."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet import state_queries
from signalcraft.fleet.firmware import updates
from signalcraft.fleet.models import Device, DeviceState

MILLIS_WRAP = 2**32
"""A node's `millis()` begins anew after 49.7 days without its having been started anew."""
NEAR_WRAP_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a node tells of itself (`heartbeat`, `device_info`, a status request); None is not told.

    Attributes
    ----------
    boot_id : a number that the node draws at each start.
    uptime_ms : since its start.
    rssi_dbm : signal strength of its Wi-Fi, about -30 (strong) to -90 (nearly gone).
    """

    boot_id: int | None = None
    uptime_ms: int | None = None
    rssi_dbm: int | None = None
    free_heap_bytes: int | None = None
    firmware_version: str | None = None
    hardware_version: str | None = None


def note(session: Session, told: Sequence[tuple[Device, Told]]) -> None:
    """Note what nodes tell of themselves; each device once."""
    states = state_queries.lock_states(session, [device.id for device, _ in told])
    updated = []
    for device, news in told:
        _note_state(states[device.id], news)
        if news.hardware_version is not None:
            device.hardware_version = news.hardware_version
        if news.firmware_version is not None and news.firmware_version != device.firmware_version:
            device.firmware_version = news.firmware_version
            updated.append(device)
    if updated:
        updates.run(session, updated)


def _note_state(state: DeviceState, told: Told) -> None:
    if _has_started(state, told.boot_id, told.uptime_ms):
        state.boot_count += 1
    for name in ("boot_id", "uptime_ms", "rssi_dbm", "free_heap_bytes"):
        if (value := getattr(told, name)) is not None:
            setattr(state, name, value)
    state.told_at = utc_now()


def _has_started(state: DeviceState, boot_id: int | None, uptime_ms: int | None) -> bool:
    """Whether this is another start than the one we know of."""
    if boot_id is not None:
        return boot_id != state.boot_id
    if uptime_ms is None:
        return False
    if state.uptime_ms is None:
        return state.boot_count == 0
    has_wrapped = state.uptime_ms > MILLIS_WRAP - NEAR_WRAP_MS
    return uptime_ms < state.uptime_ms and not has_wrapped
