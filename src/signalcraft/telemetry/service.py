"""Reading back what devices measured."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet.models import Device
from signalcraft.telemetry import queries
from signalcraft.telemetry.models import Reading


def recent_readings(
    session: Session, device: Device, *, span: timedelta, limit: int
) -> tuple[Sequence[Reading], datetime, datetime]:
    """Readings of the last `span`, newest first, with the range they were looked for in."""
    end = utc_now()
    start = end - span
    return queries.between(session, device.id, start=start, end=end, limit=limit), start, end


def recent_features(
    session: Session, devices: Sequence[Device], *, span: timedelta, limit: int
) -> Sequence[Reading]:
    """The newest feature messages of these devices within `span`, newest first."""
    device_ids = [device.id for device in devices]
    return queries.newest_with_extra(session, device_ids, since=utc_now() - span, limit=limit)
