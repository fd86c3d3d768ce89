"""How a node is to work: each change is a version, sent as a command and confirmed by the node."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.fleet import command_queries as queries
from signalcraft.fleet import commands
from signalcraft.fleet.models import Device, DeviceCommand, Machine, NodeSettings

UPLOAD_INTERVAL_S = 30
"""What the deployed firmware has burnt in."""
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 1, 900
"""Slower than every quarter of an hour no alarm would be of use."""

EXPIRES_IN = timedelta(days=7)
"""A node that was away for longer asks for its settings when it starts."""


@dataclass(frozen=True)
class Wanted:
    """The settings in force, and how far the node has followed."""

    version: int
    upload_interval_s: int
    sample_rate_hz: int
    changed_at: datetime | None
    applied_version: int | None
    applied_at: datetime | None


def wanted(session: Session, device: Device) -> Wanted:
    """How the node is to work; version 0 is what it does by itself. The caller has checked who asks."""
    row = queries.settings_of(session, device.id)
    if row is None:
        return Wanted(0, UPLOAD_INTERVAL_S, device.sample_rate_hz, None, None, None)
    return _wanted(row)


def change(
    session: Session,
    principal: Principal,
    device: Device,
    *,
    upload_interval_s: int | None,
    sample_rate_hz: int | None,
) -> Wanted:
    """Have the node work otherwise; None leaves as it is. What is so already is no new version.

    Raises
    ------
    NotFoundError, ForbiddenError
        The person may not see, or not manage, the device.
    """
    machine = session.get_one(Machine, device.machine_id)
    principal.require("device.manage", machine.shop_id)
    before = wanted(session, device)
    interval = before.upload_interval_s if upload_interval_s is None else upload_interval_s
    rate = before.sample_rate_hz if sample_rate_hz is None else sample_rate_hz
    if (interval, rate) == (before.upload_interval_s, before.sample_rate_hz):
        return before
    now = utc_now()
    row = queries.lock_settings(session, device.id)
    if row is None:
        row = NodeSettings(device_id=device.id, version=0)
        session.add(row)
    row.version += 1
    row.upload_interval_s, row.sample_rate_hz = interval, rate
    row.changed_at, row.changed_by = now, principal.user_id
    session.flush()
    queries.cancel_open(session, device.id, "config", now=now)
    _send(session, device, row, principal.user_id)
    audit.record(
        session,
        "device.settings_changed",
        user_id=principal.user_id,
        subject=f"device:{device.device_id}",
        shop_id=machine.shop_id,
        detail={"version": row.version, "upload_interval_s": interval, "sample_rate_hz": rate},
    )
    return _wanted(row)


def _send(session: Session, device: Device, row: NodeSettings, user_id: int) -> DeviceCommand:
    body = {
        "settings_version": row.version,
        "upload_interval": row.upload_interval_s,
        "sample_rate": row.sample_rate_hz,
    }
    return commands.queue(session, device, "config", body, expires_in=EXPIRES_IN, user_id=user_id)


def _wanted(row: NodeSettings) -> Wanted:
    return Wanted(
        row.version,
        row.upload_interval_s,
        row.sample_rate_hz,
        row.changed_at,
        row.applied_version,
        row.applied_at,
    )
