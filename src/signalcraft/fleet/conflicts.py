"""Two nodes under one name: noted and shown, for what they measure stands in one series."""

from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.clock import iso, utc_now
from signalcraft.fleet.models import Device, Machine
from signalcraft.realtime.publish import emit

NOTE_INTERVAL = timedelta(minutes=1)
"""It lasts until somebody gives one of them another name; a row a minute says enough."""


def note(session: Session, device: Device) -> None:
    """Note that two nodes of this name are connected now, and tell people."""
    now = utc_now()
    if device.id_conflict_at is not None and now - device.id_conflict_at < NOTE_INTERVAL:
        return
    device.id_conflict_at = now
    shop_id = session.get_one(Machine, device.machine_id).shop_id
    emit(session, "device.conflict", {"device_id": device.device_id, "at": iso(now)}, shop_id=shop_id)
