"""All SQL on nodes' settings and commands."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from signalcraft.fleet.models import OPEN_COMMANDS, DeviceCommand, NodeSettings


def lock_due(
    session: Session, device_ids: Collection[int], *, now: datetime, again_after: timedelta
) -> Sequence[DeviceCommand]:
    """Commands to be sent to these devices now, oldest first, but those that another process is sending."""
    return session.scalars(
        select(DeviceCommand)
        .where(
            DeviceCommand.device_id.in_(list(device_ids)),
            DeviceCommand.state.in_(OPEN_COMMANDS),
            DeviceCommand.expires_at > now,
            or_(DeviceCommand.delivered_at.is_(None), DeviceCommand.delivered_at <= now - again_after),
        )
        .order_by(DeviceCommand.id)
        .with_for_update(skip_locked=True)
    ).all()


def lock_command(session: Session, device_id: int, command_id: int) -> DeviceCommand | None:
    return session.scalar(
        select(DeviceCommand)
        .where(DeviceCommand.id == command_id, DeviceCommand.device_id == device_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def count_open(session: Session, device_id: int) -> int:
    statement = select(func.count()).select_from(DeviceCommand)
    return (
        session.scalar(
            statement.where(DeviceCommand.device_id == device_id, DeviceCommand.state.in_(OPEN_COMMANDS))
        )
        or 0
    )


def commands_of(session: Session, device_id: int, *, limit: int) -> Sequence[DeviceCommand]:
    """Newest first."""
    statement = select(DeviceCommand).where(DeviceCommand.device_id == device_id)
    return session.scalars(statement.order_by(DeviceCommand.id.desc()).limit(limit)).all()


def cancel_open(session: Session, device_id: int, kind: str, *, now: datetime) -> None:
    """End the open commands of one kind: a newer one says the same better."""
    session.execute(
        update(DeviceCommand)
        .where(
            DeviceCommand.device_id == device_id,
            DeviceCommand.kind == kind,
            DeviceCommand.state.in_(OPEN_COMMANDS),
        )
        .values(state="cancelled", finished_at=now)
    )


def expire(session: Session, *, now: datetime) -> Sequence[DeviceCommand]:
    """End what nobody has confirmed in time."""
    return session.scalars(
        update(DeviceCommand)
        .where(DeviceCommand.state.in_(OPEN_COMMANDS), DeviceCommand.expires_at <= now)
        .values(state="expired", finished_at=now)
        .returning(DeviceCommand)
    ).all()


def lock_settings(session: Session, device_id: int) -> NodeSettings | None:
    return session.get(NodeSettings, device_id, with_for_update=True, populate_existing=True)


def settings_of(session: Session, device_id: int) -> NodeSettings | None:
    return session.get(NodeSettings, device_id)
