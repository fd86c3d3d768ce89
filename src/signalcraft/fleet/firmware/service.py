"""What people and nodes ask about firmware."""

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.errors import ForbiddenError, NotFoundError
from signalcraft.fleet.firmware import images, queries
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout
from signalcraft.fleet.firmware.schemas import (
    FirmwareStatus,
    NodeUpdateOut,
    OldUpdateStatus,
    RolloutDetail,
    RolloutOut,
)
from signalcraft.fleet.models import Device
from signalcraft.fleet.service import get_visible_device

ROLLOUTS_SHOWN = 100


def update_status(session: Session, principal: Principal, device_id: str) -> OldUpdateStatus:
    """Where a device's newest update stands.

    Raises
    ------
    NotFoundError
        The device is not theirs to see, or was never updated.
    """
    device = get_visible_device(session, principal, device_id)
    found = queries.newest_update(session, device.id)
    if found is None:
        raise NotFoundError("There is no update for this device.", field="device_id")
    update, image = found
    over = update.finished_at
    return OldUpdateStatus.model_validate(
        {
            "device_id": device_id,
            "current_version": device.firmware_version,
            "target_version": image.version,
            "update_status": update.state,
            "progress": update.progress,
            "error_message": update.error,
            "started_at": update.started_at,
            "completed_at": over,
            "duration": None if over is None else (over - update.started_at).total_seconds(),
        }
    )


def image_for(session: Session, device: Device, image_id: int) -> FirmwareImage:
    """An image that this node was told to load.

    Raises
    ------
    NotFoundError
        There is no such image.
    ForbiddenError
        The node was not told to load it.
    """
    image = images.get_image(session, image_id)
    found = queries.newest_update(session, device.id)
    if found is None or found[1].id != image.id or found[0].state in ("cancelled", "failed"):
        raise ForbiddenError("This device was not told to load this image.", field="image_id")
    return image


def rollout_out(session: Session, rollout: FirmwareRollout) -> RolloutOut:
    """A roll-out with its counts."""
    image = session.get_one(FirmwareImage, rollout.image_id)
    return RolloutOut.of(rollout, image, queries.counts(session, [rollout.id]).get(rollout.id, {}))


def list_rollouts(session: Session) -> list[RolloutOut]:
    """The newest roll-outs. The caller has checked who asks."""
    found = queries.rollouts(session, limit=ROLLOUTS_SHOWN)
    counts = queries.counts(session, [rollout.id for rollout in found])
    return [
        RolloutOut.of(rollout, session.get_one(FirmwareImage, rollout.image_id), counts.get(rollout.id, {}))
        for rollout in found
    ]


def rollout_detail(session: Session, rollout_id: int) -> RolloutDetail:
    """A roll-out with each node's update. The caller has checked who asks.

    Raises
    ------
    NotFoundError
        There is none.
    """
    rollout = session.get(FirmwareRollout, rollout_id)
    if rollout is None:
        raise NotFoundError("There is no such roll-out.", field="rollout_id")
    devices = [
        NodeUpdateOut.of(update, device.device_id)
        for update, device in queries.updates_of_rollout(session, rollout_id)
    ]
    return RolloutDetail(rollout=rollout_out(session, rollout), devices=devices)


def status(session: Session) -> FirmwareStatus:
    """How the firmware of the whole fleet stands."""
    return FirmwareStatus.model_validate(
        {
            "versions": len(queries.images(session)),
            "running_rollouts": len(queries.running(session)),
            "updates": queries.count_updates(session),
        }
    )
