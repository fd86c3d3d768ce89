"""Bringing an image to nodes: to one, or to more and more of them, and back again where it fails.

A roll-out reaches a share of the nodes that a stable hash chooses, so that raising the share keeps those that
were in, and another roll-out begins with others. It follows what becomes of its updates and takes itself back
when too many fail.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.audit import service as audit
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError, InvalidInputError, NotFoundError
from signalcraft.fleet import commands
from signalcraft.fleet.firmware import images, queries, updates
from signalcraft.fleet.firmware.models import UNDER_WAY, FirmwareImage, FirmwareRollout, FirmwareUpdate
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.logging import get_logger
from signalcraft.realtime.publish import emit

log = get_logger(__name__)

DOWNLOAD_PATH = "/api/iot/firmware/download"
BEGINS_WITHIN = timedelta(days=7)
"""How long a node may be away before its update counts as failed."""
STALLED_AFTER = timedelta(minutes=30)
"""A node that has begun writes 4 MB over the worst Wi-Fi in ten minutes: if it says nothing for longer, it is
gone."""
BEGUN_AT_ONCE = 100
"""Updates that one step begins: the shops' lines are shared, and the first failures should come early."""


def start_update(
    session: Session,
    device: Device,
    image: FirmwareImage,
    *,
    user_id: int | None,
    rollout: FirmwareRollout | None = None,
) -> FirmwareUpdate:
    """Have one node load an image.

    Raises
    ------
    ConflictError
        It is being updated already, it runs this version, or the image is for another board.
    """
    under_way = queries.lock_newest_update(session, device.id)
    if under_way is not None and under_way.state in UNDER_WAY:
        raise ConflictError("The device is being updated already.", field="device_id")
    if device.firmware_version == image.version:
        raise ConflictError(f"The device runs {image.version} already.", field="target_version")
    if (device.hardware_version or images.DEFAULT_HARDWARE) != image.hardware:
        raise ConflictError(f"The image is for {image.hardware}.", field="target_version")
    command = commands.queue(
        session,
        device,
        "firmware_update",
        {
            "version": image.version,
            "firmware_url": f"{DOWNLOAD_PATH}/{image.id}?device_id={device.device_id}",
            "size": image.size_bytes,
            "sha256": image.sha256.hex(),
            "signature": images.signature_text(image),
            "hardware": image.hardware,
        },
        expires_in=BEGINS_WITHIN,
        user_id=user_id,
    )
    now = utc_now()
    update = FirmwareUpdate(
        device_id=device.id,
        image_id=image.id,
        rollout_id=None if rollout is None else rollout.id,
        command_id=command.id,
        from_version=device.firmware_version,
        state="pending",
        progress=0,
        started_at=now,
        changed_at=now,
    )
    session.add(update)
    session.flush()
    updates.tell(session, update)
    return update


def update_device(
    session: Session, principal: Principal, device: Device, image: FirmwareImage
) -> FirmwareUpdate:
    """A person has one node updated.

    Raises
    ------
    NotFoundError, ForbiddenError
        The device is not theirs to manage.
    ConflictError
        As in `start_update`.
    """
    machine = session.get_one(Machine, device.machine_id)
    principal.require("device.manage", machine.shop_id)
    update = start_update(session, device, image, user_id=principal.user_id)
    audit.record(
        session,
        "firmware.update_started",
        user_id=principal.user_id,
        subject=f"device:{device.device_id}",
        shop_id=machine.shop_id,
        detail={"from": device.firmware_version, "to": image.version},
    )
    return update


def cancel_update(session: Session, principal: Principal, device: Device) -> FirmwareUpdate:
    """Take back a node's update that has not begun to install.

    Raises
    ------
    NotFoundError, ForbiddenError
        There is no update, or the device is not theirs to manage.
    ConflictError
        It is over, or the node is writing it.
    """
    machine = session.get_one(Machine, device.machine_id)
    principal.require("device.manage", machine.shop_id)
    update = queries.lock_newest_update(session, device.id)
    if update is None:
        raise NotFoundError("There is no update for this device.", field="device_id")
    if update.state not in ("pending", "downloading"):
        raise ConflictError(f"The update is {update.state} already.", field="device_id")
    updates.finish(session, update, "cancelled")
    audit.record(
        session,
        "firmware.update_cancelled",
        user_id=principal.user_id,
        subject=f"device:{device.device_id}",
        shop_id=machine.shop_id,
    )
    return update


def create(
    session: Session,
    principal: Principal,
    image_id: int,
    *,
    percent: int,
    shop_ids: Sequence[int] | None,
    failure_share: float,
    failure_minimum: int,
) -> FirmwareRollout:
    """Begin to bring an image to a share of the nodes, of all shops (None) or of some.

    Raises
    ------
    ForbiddenError
        Only administrators may.
    NotFoundError
        There is no such image.
    InvalidInputError
        There is no such shop.
    ConflictError
        Another roll-out to the same board is running.
    """
    principal.require("firmware.manage", None)
    image = images.get_image(session, image_id)
    queries.lock_images(session, image.hardware)  # two roll-outs do not begin side by side
    if shop_ids is not None:
        unknown = [shop_id for shop_id in shop_ids if session.get(Shop, shop_id) is None]
        if unknown:
            raise InvalidInputError(f"There is no shop {unknown[0]}.", field="shop_ids")
    for running in queries.running(session):
        if session.get_one(FirmwareImage, running.image_id).hardware == image.hardware:
            raise ConflictError(
                f"Roll-out {running.id} to {image.hardware} is running: stop it first.", field="image_id"
            )
    rollout = FirmwareRollout(
        image_id=image.id,
        state="running",
        percent=percent,
        shop_ids=None if shop_ids is None else sorted(set(shop_ids)),
        failure_share=failure_share,
        failure_minimum=failure_minimum,
        created_by=principal.user_id,
        created_at=utc_now(),
    )
    session.add(rollout)
    session.flush()
    _note(
        session,
        rollout,
        "started",
        principal,
        {"version": image.version, "percent": percent, "shops": rollout.shop_ids},
    )
    return rollout


def widen(session: Session, principal: Principal, rollout_id: int, *, percent: int) -> FirmwareRollout:
    """Bring the image to a larger share.

    Raises
    ------
    ConflictError
        It is not running, or has reached more already: nodes do not go back by a smaller share.
    """
    rollout = _locked(session, principal, rollout_id)
    if rollout.state != "running":
        raise ConflictError(f"The roll-out is {rollout.state}.", field="percent")
    if percent < rollout.percent:
        raise ConflictError(
            f"It has reached {rollout.percent} % already; roll it back instead.", field="percent"
        )
    rollout.percent = percent
    _note(session, rollout, "widened", principal, {"percent": percent})
    return rollout


def stop(session: Session, principal: Principal, rollout_id: int, *, reason: str | None) -> FirmwareRollout:
    """Begin no further updates and take back those that no node has begun; what is installed stays."""
    rollout = _locked(session, principal, rollout_id)
    if rollout.state != "running":
        raise ConflictError(f"The roll-out is {rollout.state} already.", field="rollout_id")
    _end(session, rollout, "stopped", reason)
    _note(session, rollout, "stopped", principal, {"reason": reason})
    return rollout


def roll_back(
    session: Session, principal: Principal, rollout_id: int, *, reason: str | None
) -> FirmwareRollout:
    """Stop, and send the nodes that have it back to the version that they had."""
    rollout = _locked(session, principal, rollout_id)
    if rollout.state == "rolled_back":
        raise ConflictError("The roll-out is rolled back already.", field="rollout_id")
    returned = _take_back(session, rollout, reason)
    _note(session, rollout, "rolled_back", principal, {"reason": reason, "devices": returned})
    return rollout


def step_all() -> None:
    """What a periodic task does for every running roll-out, each in a transaction of its own."""
    with unit_of_work() as session:
        for update in queries.stalled(session, before=utc_now() - STALLED_AFTER):
            updates.finish(session, update, "failed", error="the node fell silent while updating")
        running = [rollout.id for rollout in queries.running(session)]
    for rollout_id in running:
        with unit_of_work() as session:
            step(session, rollout_id)


def step(session: Session, rollout_id: int) -> None:
    """Take a roll-out back if too much of it fails, else begin the next updates."""
    rollout = queries.lock_rollout(session, rollout_id)
    if rollout is None or rollout.state != "running":
        return
    counts = queries.counts(session, [rollout.id]).get(rollout.id, {})
    if fails(rollout, counts):
        failed, finished = counts.get("failed", 0), counts.get("failed", 0) + counts.get("completed", 0)
        reason = f"{failed} of {finished} finished updates failed"
        returned = _take_back(session, rollout, reason)
        _note(session, rollout, "rolled_back", None, {"reason": reason, "devices": returned})
        return
    image = session.get_one(FirmwareImage, rollout.image_id)
    begun = 0
    for device in queries.candidates(session, rollout, image, default_hardware=images.DEFAULT_HARDWARE):
        if begun == BEGUN_AT_ONCE:
            break
        if is_chosen(rollout, device):
            try:
                start_update(session, device, image, user_id=None, rollout=rollout)
            except ConflictError as error:  # too many commands wait for it: the next step tries again
                log.warning("update_not_begun", device_id=device.device_id, reason=error.detail)
                continue
            begun += 1
    if begun:
        log.info("rollout_step", rollout_id=rollout.id, begun=begun)


def is_chosen(rollout: FirmwareRollout, device: Device) -> bool:
    """Whether the device belongs to the share; a larger share holds every smaller one."""
    digest = sha256(f"{rollout.id}:{device.device_id}".encode()).digest()
    return int.from_bytes(digest[:8]) * 100 < rollout.percent * 2**64


def fails(rollout: FirmwareRollout, counts: Mapping[str, int]) -> bool:
    """Whether more of the finished updates failed than the roll-out may cost."""
    failed = counts.get("failed", 0)
    finished = failed + counts.get("completed", 0)
    return failed >= rollout.failure_minimum and failed > rollout.failure_share * finished


def _locked(session: Session, principal: Principal, rollout_id: int) -> FirmwareRollout:
    principal.require("firmware.manage", None)
    rollout = queries.lock_rollout(session, rollout_id)
    if rollout is None:
        raise NotFoundError("There is no such roll-out.", field="rollout_id")
    return rollout


def _end(session: Session, rollout: FirmwareRollout, state: str, reason: str | None) -> None:
    rollout.state, rollout.reason, rollout.ended_at = state, reason, utc_now()
    for update, _ in queries.updates_of_rollout(session, rollout.id):
        if update.state == "pending":
            updates.finish(session, update, "cancelled")


def _take_back(session: Session, rollout: FirmwareRollout, reason: str | None) -> list[str]:
    """End it and send back whom it can: a node whose former image we do not have stays, and is named."""
    _end(session, rollout, "rolled_back", reason)
    image = session.get_one(FirmwareImage, rollout.image_id)
    returned = []
    for update, device in queries.updates_of_rollout(session, rollout.id):
        if update.state in ("downloading", "installing"):
            updates.finish(session, update, "cancelled", error="rolled back")
        elif update.state != "completed" or device.firmware_version not in (None, image.version):
            continue
        former = update.from_version and queries.image_of(session, image.hardware, update.from_version)
        if not former or device.firmware_version == update.from_version:
            continue
        try:
            start_update(session, device, former, user_id=None)
        except ConflictError as error:
            log.warning("not_rolled_back", device_id=device.device_id, reason=error.detail)
            continue
        returned.append(device.device_id)
    return returned


def _note(
    session: Session,
    rollout: FirmwareRollout,
    what: str,
    principal: Principal | None,
    detail: dict[str, Any],
) -> None:
    audit.record(
        session,
        f"firmware.rollout_{what}",
        user_id=None if principal is None else principal.user_id,
        subject=f"rollout:{rollout.id}",
        detail=detail,
    )
    emit(
        session,
        "firmware.rollout",
        {"rollout": {"id": rollout.id, "state": rollout.state, "percent": rollout.percent}, "what": what},
        shop_id=None,
    )
    log.info("firmware_rollout", rollout_id=rollout.id, what=what, **detail)
