"""Updates of single nodes at the old server's addresses, now true; and the download that it never had."""

from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from signalcraft.api.access import device, principal, user
from signalcraft.api.answers import json_answer
from signalcraft.api.byte_ranges import serve_bytes
from signalcraft.api.callers import admitted
from signalcraft.api.problems import PROBLEM_RESPONSES
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.firmware import images, rollouts, service
from signalcraft.fleet.firmware.schemas import (
    FirmwareStatusAnswer,
    OldUpdateAnswer,
    OldVersion,
    OldVersions,
    UpdateAccepted,
    Version,
)
from signalcraft.fleet.schemas import DeviceId
from signalcraft.storage import objects
from signalcraft.texts import RowId

blueprint = APIBlueprint(
    "firmware_nodes",
    __name__,
    url_prefix="/api/iot/firmware",
    abp_tags=[Tag(name="Firmware of nodes", description="Updates of single nodes")],
    abp_responses=PROBLEM_RESPONSES,
)

NOT_KEPT = "no-store"
"""Whether a node may load an image is asked each time."""

_IMAGE: dict[Any, Any] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


class VersionsQuery(BaseModel):
    device_id: DeviceId | None = None


class DeviceQuery(BaseModel):
    device_id: DeviceId


class DevicePath(BaseModel):
    device_id: DeviceId


class ImagePath(BaseModel):
    image_id: RowId


class UpdateWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    target_version: Version
    current_version: Version | None = Field(
        None, description="Refused if the device is known to run another one."
    )


class RollbackWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: DeviceId
    target_version: Version


@blueprint.get("/versions", responses={200: OldVersions})
@user("fleet.read")
def versions(query: VersionsQuery) -> Response:
    """Images, newest first; of the board of one device where it is named."""
    with unit_of_work() as session:
        hardware = None
        if query.device_id is not None:
            node = fleet.get_visible_device(session, principal(), query.device_id)
            hardware = node.hardware_version or images.DEFAULT_HARDWARE
        found = [OldVersion.of(image) for image in images.list_images(session, hardware=hardware)]
    return json_answer(OldVersions(versions=found, count=len(found)))


@blueprint.post("/update", responses={200: UpdateAccepted})
@user("device.manage")
def update(body: UpdateWanted) -> Response:
    """Have one device load another version at its next contact."""
    return _update(body.device_id, body.target_version, body.current_version, "Update queued")


@blueprint.post("/rollback", responses={200: UpdateAccepted})
@user("device.manage")
def rollback(body: RollbackWanted) -> Response:
    """Have one device load a version that it had: an update like any other, to an image that is kept here."""
    return _update(body.device_id, body.target_version, None, "Rollback queued")


@blueprint.get("/update/<device_id>", responses={200: OldUpdateAnswer})
@user("fleet.read")
def update_status(path: DevicePath) -> Response:
    """Where a device's newest update stands."""
    with unit_of_work() as session:
        found = service.update_status(session, principal(), path.device_id)
    return json_answer(OldUpdateAnswer(device_id=path.device_id, update_status=found))


@blueprint.delete("/update/<device_id>", responses={200: OldUpdateAnswer})
@user("device.manage")
def cancel_update(path: DevicePath) -> Response:
    """Take back an update that the device does not yet install."""
    with unit_of_work() as session:
        node = fleet.get_visible_device(session, principal(), path.device_id)
        rollouts.cancel_update(session, principal(), node)
        found = service.update_status(session, principal(), path.device_id)
    return json_answer(OldUpdateAnswer(device_id=path.device_id, update_status=found))


@blueprint.get("/status", responses={200: FirmwareStatusAnswer})
@user("fleet.read")
def status() -> Response:
    """How the firmware of the fleet stands."""
    with unit_of_work() as session:
        answer = FirmwareStatusAnswer(firmware_status=service.status(session))
    return json_answer(answer)


@blueprint.get("/download/<int:image_id>", responses=_IMAGE)
@device
def download(path: ImagePath, query: DeviceQuery) -> Response:
    """The image that the node was told to load; a part of it where a range is asked for."""
    with unit_of_work() as session:
        node = admitted(session, query.device_id)
        image = service.image_for(session, node, path.image_id)
    return serve_bytes(
        request,
        lambda start, length: objects.get_range(image.object_key, start, length),
        size=image.size_bytes,
        media_type="application/octet-stream",
        etag=image.sha256.hex(),
        cache_control=NOT_KEPT,
    )


def _update(device_id: str, target: str, current: str | None, message: str) -> Response:
    with unit_of_work() as session:
        node = fleet.get_visible_device(session, principal(), device_id)
        if None not in (current, node.firmware_version) and current != node.firmware_version:
            raise ConflictError(f"The device runs {node.firmware_version}.", field="current_version")
        hardware = node.hardware_version or images.DEFAULT_HARDWARE
        image = images.image_named(session, hardware, target)
        rollouts.update_device(session, principal(), node, image)
    return json_answer(UpdateAccepted(message=message, device_id=device_id, target_version=target))
