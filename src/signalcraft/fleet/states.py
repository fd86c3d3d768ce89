"""What nodes say of themselves between their readings: starts, signal strength, memory, versions."""

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet import state_queries
from signalcraft.fleet.firmware import updates
from signalcraft.fleet.models import Device, DeviceState

MILLIS_WRAP = 2**32
"""A node's `millis()` begins anew after 49.7 days without its having been started anew."""
NEAR_WRAP_MS = 86_400_000


def heartbeat(
    session: Session,
    device: Device,
    *,
    boot_id: int | None = None,
    uptime_ms: int | None = None,
    rssi_dbm: int | None = None,
    free_heap_bytes: int | None = None,
    firmware_version: str | None = None,
    hardware_version: str | None = None,
) -> None:
    """Note what a node tells of itself (`heartbeat`, `device_info`, a status request); None is not told.

    Parameters
    ----------
    boot_id : a number that the node draws at each start.
    uptime_ms : since its start.
    rssi_dbm : signal strength of its Wi-Fi, about -30 (strong) to -90 (nearly gone).
    """
    state = state_queries.lock_state(session, device.id)
    if _has_started(state, boot_id, uptime_ms):
        state.boot_count += 1
    told = {
        "boot_id": boot_id,
        "uptime_ms": uptime_ms,
        "rssi_dbm": rssi_dbm,
        "free_heap_bytes": free_heap_bytes,
    }
    for name, value in told.items():
        if value is not None:
            setattr(state, name, value)
    state.told_at = utc_now()
    if hardware_version is not None:
        device.hardware_version = hardware_version
    if firmware_version is not None and firmware_version != device.firmware_version:
        device.firmware_version = firmware_version
        updates.runs(session, device)


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
