"""What people do with a device: say what it watches, send it a command."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.fleet import command_queries, commands
from signalcraft.fleet.models import Device, DeviceCommand, Machine
from signalcraft.fleet.service import get_visible_device
from signalcraft.realtime.publish import emit


def change(
    session: Session,
    principal: Principal,
    device_id: str,
    *,
    device_type: str | None,
    vibration_unit: str | None,
) -> Device:
    """Say what a device watches and in which unit its acceleration arrives; None leaves as it is.

    What is stored already was measured in the unit of then and is not changed.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device is not theirs to see, or to manage.
    """
    device, machine = managed(session, principal, device_id)
    if device_type is not None:
        device.device_type = device_type
    if vibration_unit is not None:
        device.vibration_unit = vibration_unit
    _record(
        session,
        principal,
        device,
        machine,
        "changed",
        {"device_type": device_type, "vibration_unit": vibration_unit},
    )
    emit(session, "machine.changed", {"machine_id": machine.id}, shop_id=machine.shop_id)
    return device


def order(
    session: Session, principal: Principal, device_id: str, kind: str, *, expires_in: timedelta
) -> tuple[Device, DeviceCommand]:
    """Have a device do something.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device is not theirs to see, or to manage.
    ConflictError
        Too many commands wait for it already.
    """
    device, machine = managed(session, principal, device_id)
    command = commands.queue(session, device, kind, {}, expires_in=expires_in, user_id=principal.user_id)
    _record(session, principal, device, machine, "command_queued", {"command": command.id, "kind": kind})
    return device, command


def cancel_order(
    session: Session, principal: Principal, device_id: str, command_id: int
) -> tuple[Device, DeviceCommand]:
    """Take back a command that the node has not confirmed.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device or the command is not there, or not theirs to manage.
    ConflictError
        It is over already.
    """
    device, machine = managed(session, principal, device_id)
    command = commands.cancel(session, device, command_id)
    _record(session, principal, device, machine, "command_cancelled", {"command": command.id})
    return device, command


def orders(session: Session, principal: Principal, device_id: str, *, limit: int) -> Sequence[DeviceCommand]:
    """The newest commands of a device.

    Raises
    ------
    NotFoundError
        The device is not theirs to see.
    """
    device = get_visible_device(session, principal, device_id)
    return command_queries.commands_of(session, device.id, limit=limit)


def managed(session: Session, principal: Principal, device_id: str) -> tuple[Device, Machine]:
    """A device that this person may manage, with its machine.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device is not theirs to see, or to manage.
    """
    device = get_visible_device(session, principal, device_id)
    machine = session.get_one(Machine, device.machine_id)
    principal.require("device.manage", machine.shop_id)
    return device, machine


def _record(
    session: Session,
    principal: Principal,
    device: Device,
    machine: Machine,
    what: str,
    detail: dict[str, object],
) -> None:
    audit.record(
        session,
        f"device.{what}",
        user_id=principal.user_id,
        subject=f"device:{device.device_id}",
        shop_id=machine.shop_id,
        detail=detail,
    )
