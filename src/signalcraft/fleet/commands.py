"""What a node is told to do: a row first, sent as soon as the node can be reached, until it confirms.

A node behind a shop's router cannot be called: it is told over its WebSocket, or in the answer to its next
request. The row is the command; a message in Redis only says that there is one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import redis
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import ConflictError, NotFoundError
from signalcraft.fleet import command_queries as queries
from signalcraft.fleet.firmware import updates
from signalcraft.fleet.models import Device, DeviceCommand, Machine
from signalcraft.logging import get_logger
from signalcraft.realtime.connection import get_redis
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

CHANNEL = "signalcraft:commands"
"""Redis channel; a message is `devices.id` of a device for which there is a new command."""
AGAIN_AFTER = timedelta(seconds=30)
"""A command that was sent and not confirmed is sent again: nodes know it by its number."""
OPEN_LIMIT = 20
"""More than this wait for no node: somebody's program repeats itself."""

Message = dict[str, Any]
"""What the node receives: less than 1 KiB, the buffer of deployed firmware."""


def queue(
    session: Session,
    device: Device,
    kind: str,
    body: Mapping[str, Any],
    *,
    expires_in: timedelta,
    user_id: int | None,
) -> DeviceCommand:
    """Write a command for a node. The caller has checked who asks, and records it.

    Raises
    ------
    ConflictError
        Too many wait for this node already.
    """
    if queries.count_open(session, device.id) >= OPEN_LIMIT:
        raise ConflictError(f"{OPEN_LIMIT} commands wait for this device already.", field="device_id")
    now = utc_now()
    command = DeviceCommand(
        device_id=device.id,
        kind=kind,
        body=dict(body),
        state="queued",
        created_at=now,
        created_by=user_id,
        expires_at=now + expires_in,
        deliveries=0,
    )
    session.add(command)
    session.flush()
    after_commit(session, lambda: _announce(device.id))
    return command


def deliver(session: Session, device_ids: Collection[int]) -> dict[int, list[Message]]:
    """What is to be sent to these devices now, by `devices.id`, oldest first; noted as sent with this commit.

    Sent and lost on the way is sent again after `AGAIN_AFTER`.
    """
    if not device_ids:
        return {}
    now = utc_now()
    messages: dict[int, list[Message]] = {}
    for command in queries.lock_due(session, device_ids, now=now, again_after=AGAIN_AFTER):
        command.state = "delivered"
        command.delivered_at = now
        command.deliveries += 1
        messages.setdefault(command.device_id, []).append(message(command))
    return messages


def message(command: DeviceCommand) -> Message:
    """The command as nodes read it: the words of the old contract, and the number to confirm."""
    return {"type": command.kind, "command_id": command.id, **command.body}


def acknowledged(
    session: Session, device_id: int, command_id: int, *, succeeded: bool, message: str | None = None
) -> DeviceCommand:
    """The node (`devices.id`) says that it has done the command, or could not. Said twice, it counts once.

    Raises
    ------
    NotFoundError
        There is no such command for this node.
    """
    command = queries.lock_command(session, device_id, command_id)
    if command is None:
        raise NotFoundError("There is no such command for this device.", field="command_id")
    if command.state in ("acknowledged", "failed", "cancelled"):
        return command
    # Confirmed after it expired it was done all the same.
    now = utc_now()
    command.state = "acknowledged" if succeeded else "failed"
    command.finished_at, command.message = now, message
    if succeeded and command.kind == "config":
        _applied(session, device_id, command.body["settings_version"], now)
    if not succeeded and command.kind == "firmware_update":
        updates.refused(session, command, message)
    tell(session, command)
    log.info("command_finished", command_id=command.id, kind=command.kind, state=command.state)
    return command


def cancel(session: Session, device: Device, command_id: int) -> DeviceCommand:
    """Take back a command that the node has not confirmed. The caller has checked who asks.

    Raises
    ------
    NotFoundError
        There is no such command for this node.
    ConflictError
        It is over already.
    """
    command = queries.lock_command(session, device.id, command_id)
    if command is None:
        raise NotFoundError("There is no such command for this device.", field="command_id")
    if command.finished_at is not None:
        raise ConflictError(f"The command is {command.state} already.", field="command_id")
    end(session, command, "cancelled")
    if command.kind == "firmware_update":
        updates.cancelled(session, command)
    return command


def end(session: Session, command: DeviceCommand, state: str) -> None:
    """Close an open command without the node."""
    command.state = state
    command.finished_at = utc_now()
    tell(session, command)


def expire(session: Session) -> None:
    """End the commands that no node has confirmed in time."""
    for command in queries.expire(session, now=utc_now()):
        tell(session, command)
        if command.kind == "firmware_update":
            updates.refused(session, command, "the node did not begin in time")


def tell(session: Session, command: DeviceCommand) -> None:
    """Tell people's screens where the command stands."""
    device = session.get_one(Device, command.device_id)
    machine = session.get_one(Machine, device.machine_id)
    emit(
        session,
        "device.command",
        {
            "machine_id": machine.id,
            "device_id": device.device_id,
            "command": {
                "id": command.id,
                "kind": command.kind,
                "state": command.state,
                "message": command.message,
            },
        },
        shop_id=machine.shop_id,
    )


def _applied(session: Session, device_id: int, version: int, now: datetime) -> None:
    settings = queries.lock_settings(session, device_id)
    if settings is not None and (settings.applied_version or 0) < version:
        settings.applied_version, settings.applied_at = version, now


def _announce(device_id: int) -> None:
    try:
        get_redis().publish(CHANNEL, str(device_id))
    except redis.RedisError as error:
        log.warning("publish_failed", channel=CHANNEL, reason=type(error).__name__)
