"""All SQL on firmware images, roll-outs and updates."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from signalcraft.fleet.firmware.models import (
    UNDER_WAY,
    FirmwareImage,
    FirmwareRollout,
    FirmwareUpdate,
)
from signalcraft.fleet.models import Device, Machine


def images(session: Session, *, hardware: str | None = None) -> Sequence[FirmwareImage]:
    """Newest first."""
    statement = select(FirmwareImage).order_by(FirmwareImage.id.desc())
    if hardware is not None:
        statement = statement.where(FirmwareImage.hardware == hardware)
    return session.scalars(statement).all()


def image_of(session: Session, hardware: str, version: str) -> FirmwareImage | None:
    return session.scalar(
        select(FirmwareImage).where(FirmwareImage.hardware == hardware, FirmwareImage.version == version)
    )


def lock_rollout(session: Session, rollout_id: int) -> FirmwareRollout | None:
    return session.get(FirmwareRollout, rollout_id, with_for_update=True, populate_existing=True)


def lock_images(session: Session, hardware: str) -> None:
    """Hold the images of a board."""
    statement = select(FirmwareImage.id).where(FirmwareImage.hardware == hardware).order_by(FirmwareImage.id)
    session.execute(statement.with_for_update())


def running(session: Session) -> Sequence[FirmwareRollout]:
    """Roll-outs that are running, oldest first."""
    statement = select(FirmwareRollout).where(FirmwareRollout.state == "running")
    return session.scalars(statement.order_by(FirmwareRollout.id)).all()


def rollouts(session: Session, *, limit: int) -> Sequence[FirmwareRollout]:
    """Newest first."""
    return session.scalars(select(FirmwareRollout).order_by(FirmwareRollout.id.desc()).limit(limit)).all()


def counts(session: Session, rollout_ids: Sequence[int]) -> Mapping[int, dict[str, int]]:
    """How many updates of each roll-out are in which state."""
    found: dict[int, dict[str, int]] = {}
    statement = (
        select(FirmwareUpdate.rollout_id, FirmwareUpdate.state, func.count())
        .where(FirmwareUpdate.rollout_id.in_(rollout_ids))
        .group_by(FirmwareUpdate.rollout_id, FirmwareUpdate.state)
    )
    for rollout_id, state, count in session.execute(statement):
        if rollout_id is not None:
            found.setdefault(rollout_id, {})[state] = count
    return found


def candidates(
    session: Session, rollout: FirmwareRollout, image: FirmwareImage, *, default_hardware: str
) -> Sequence[Device]:
    """Devices that the roll-out is for and that it has not reached, and that do nothing else just now."""
    reached = select(FirmwareUpdate.device_id).where(
        or_(FirmwareUpdate.rollout_id == rollout.id, FirmwareUpdate.state.in_(UNDER_WAY))
    )
    statement = (
        select(Device)
        .join(Machine, Machine.id == Device.machine_id)
        .where(
            func.coalesce(Device.hardware_version, default_hardware) == image.hardware,
            func.coalesce(Device.firmware_version, "") != image.version,
            Device.id.not_in(reached),
            Machine.shop_id.is_not(None),
            ~Machine.probe,
        )
        .order_by(Device.id)
    )
    if rollout.shop_ids is not None:
        statement = statement.where(Machine.shop_id.in_(rollout.shop_ids))
    return session.scalars(statement).all()


def updates_of_rollout(session: Session, rollout_id: int) -> Sequence[tuple[FirmwareUpdate, Device]]:
    """The updates of a roll-out with their devices, in the order of their beginning."""
    rows = session.execute(
        select(FirmwareUpdate, Device)
        .join(Device, Device.id == FirmwareUpdate.device_id)
        .where(FirmwareUpdate.rollout_id == rollout_id)
        .order_by(FirmwareUpdate.id)
    )
    return [(update, device) for update, device in rows]


def stalled(session: Session, *, before: datetime) -> Sequence[FirmwareUpdate]:
    """Updates of which nothing was heard since then, locked; a pending one waits for its command."""
    return session.scalars(
        select(FirmwareUpdate)
        .where(FirmwareUpdate.state.in_(("downloading", "installing")), FirmwareUpdate.changed_at < before)
        .order_by(FirmwareUpdate.id)
        .with_for_update(skip_locked=True)
    ).all()


def lock_newest_update(session: Session, device_id: int) -> FirmwareUpdate | None:
    return session.scalar(
        select(FirmwareUpdate)
        .where(FirmwareUpdate.device_id == device_id)
        .order_by(FirmwareUpdate.id.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def devices_under_way(session: Session, device_ids: Collection[int]) -> frozenset[int]:
    """Those of these devices that have an update under way."""
    statement = select(FirmwareUpdate.device_id).where(
        FirmwareUpdate.device_id.in_(list(device_ids)), FirmwareUpdate.state.in_(UNDER_WAY)
    )
    return frozenset(session.scalars(statement))


def newest_update(session: Session, device_id: int) -> Row[FirmwareUpdate, FirmwareImage] | None:
    return session.execute(
        select(FirmwareUpdate, FirmwareImage)
        .join(FirmwareImage, FirmwareImage.id == FirmwareUpdate.image_id)
        .where(FirmwareUpdate.device_id == device_id)
        .order_by(FirmwareUpdate.id.desc())
        .limit(1)
    ).one_or_none()


def lock_update_of(session: Session, command_id: int) -> FirmwareUpdate | None:
    return session.scalar(
        select(FirmwareUpdate)
        .where(FirmwareUpdate.command_id == command_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def count_updates(session: Session) -> Mapping[str, int]:
    """How many updates there are in each state."""
    statement = select(FirmwareUpdate.state, func.count()).group_by(FirmwareUpdate.state)
    return {row[0]: row[1] for row in session.execute(statement)}
