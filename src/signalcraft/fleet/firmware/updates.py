"""Where each node's update stands: what the node reports moves it, and what it runs settles it."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.fleet import command_queries
from signalcraft.fleet.firmware import queries
from signalcraft.fleet.firmware.models import UNDER_WAY, FirmwareImage, FirmwareUpdate
from signalcraft.fleet.models import Device, DeviceCommand, Machine
from signalcraft.logging import get_logger
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

Reported = Literal["downloading", "installing", "completed", "failed"]
"""What a node says of its update."""


def report(
    session: Session, device: Device, *, state: Reported, progress: int | None, error: str | None
) -> FirmwareUpdate:
    """A node says how far it is. Progress never goes back, so that a late report changes nothing.

    Raises
    ------
    NotFoundError
        There is no update for this node.
    ConflictError
        Its update is over.
    """
    update = queries.lock_newest_update(session, device.id)
    if update is None:
        raise NotFoundError("There is no update for this device.", field="device_id")
    if update.state not in UNDER_WAY:
        if update.state == state:
            return update
        raise ConflictError(f"The update is {update.state} already.", field="state")
    if state in ("completed", "failed"):
        finish(session, update, state, error=error)
    elif UNDER_WAY.index(state) >= UNDER_WAY.index(update.state):
        update.state = state
        update.changed_at = utc_now()
        update.progress = max(update.progress, progress or 0)
        tell(session, update)
    return update


def run(session: Session, devices: Sequence[Device]) -> None:
    """The nodes run another version than before: where it is the one they were to get, the update is done."""
    waiting = queries.devices_under_way(session, [device.id for device in devices])
    for device in devices:
        update = queries.lock_newest_update(session, device.id) if device.id in waiting else None
        if update is None or update.state not in UNDER_WAY:
            continue
        image = session.get_one(FirmwareImage, update.image_id)
        if image.version == device.firmware_version:
            finish(session, update, "completed")


def refused(session: Session, command: DeviceCommand, reason: str | None) -> None:
    """The command of an update was not done."""
    update = queries.lock_update_of(session, command.id)
    if update is not None and update.state in UNDER_WAY:
        finish(session, update, "failed", error=reason)


def cancelled(session: Session, command: DeviceCommand) -> None:
    """The command of an update was taken back."""
    update = queries.lock_update_of(session, command.id)
    if update is not None and update.state in UNDER_WAY:
        finish(session, update, "cancelled")


def finish(session: Session, update: FirmwareUpdate, state: str, *, error: str | None = None) -> None:
    """End an update, and the command that it began with."""
    now = utc_now()
    update.state, update.error = state, error
    update.changed_at = update.finished_at = now
    if state == "completed":
        update.progress = 100
    command = command_queries.lock_command(session, update.device_id, update.command_id)
    if command is not None and command.finished_at is None:
        command.state = {"completed": "acknowledged"}.get(state, state)
        command.finished_at, command.message = now, error
    log.info("firmware_update_finished", update_id=update.id, state=state, error=error)
    tell(session, update)


def tell(session: Session, update: FirmwareUpdate) -> None:
    """Tell people's screens how far the update is."""
    device = session.get_one(Device, update.device_id)
    machine = session.get_one(Machine, device.machine_id)
    emit(
        session,
        "device.firmware",
        {
            "machine_id": machine.id,
            "device_id": device.device_id,
            "update": {
                "id": update.id,
                "state": update.state,
                "progress": update.progress,
                "error": update.error,
            },
        },
        shop_id=machine.shop_id,
    )
