"""Firmware as people, programs and nodes see it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from signalcraft.fleet.firmware.images import signature_text
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout, FirmwareUpdate

Version = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}$")]
"""`1.4.0`, `1.4.0-rc1`."""
Hardware = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$")]
"""A board, as nodes name it: `ESP32_v1`."""
UpdateState = Literal["pending", "downloading", "installing", "completed", "failed", "cancelled"]


class ImageOut(BaseModel):
    """An image whose signature was checked."""

    id: int
    version: str
    build_number: int | None
    hardware: str
    size_bytes: int
    sha256: str
    signature: str = Field(description="Ed25519, base64.")
    key_id: str
    changelog: str
    stable: bool
    uploaded_at: datetime

    @classmethod
    def of(cls, image: FirmwareImage) -> "ImageOut":
        return cls(
            id=image.id,
            version=image.version,
            build_number=image.build_number,
            hardware=image.hardware,
            size_bytes=image.size_bytes,
            sha256=image.sha256.hex(),
            signature=signature_text(image),
            key_id=image.key_id,
            changelog=image.changelog,
            stable=image.stable,
            uploaded_at=image.uploaded_at,
        )


class ImageAnswer(BaseModel):
    success: Literal[True] = True
    image: ImageOut


class ImageList(BaseModel):
    success: Literal[True] = True
    images: list[ImageOut]


class RolloutOut(BaseModel):
    """A staged roll-out and how it goes."""

    id: int
    image_id: int
    version: str
    hardware: str
    state: Literal["running", "stopped", "rolled_back"]
    percent: int
    shop_ids: list[int] | None
    failure_share: float
    failure_minimum: int
    created_at: datetime
    ended_at: datetime | None
    reason: str | None
    updates: dict[UpdateState, int] = Field(description="How many nodes are where.")

    @classmethod
    def of(cls, rollout: FirmwareRollout, image: FirmwareImage, updates: dict[str, int]) -> "RolloutOut":
        return cls.model_validate(
            {
                "id": rollout.id,
                "image_id": image.id,
                "version": image.version,
                "hardware": image.hardware,
                "state": rollout.state,
                "percent": rollout.percent,
                "shop_ids": rollout.shop_ids,
                "failure_share": rollout.failure_share,
                "failure_minimum": rollout.failure_minimum,
                "created_at": rollout.created_at,
                "ended_at": rollout.ended_at,
                "reason": rollout.reason,
                "updates": updates,
            }
        )


class RolloutAnswer(BaseModel):
    success: Literal[True] = True
    rollout: RolloutOut


class RolloutList(BaseModel):
    success: Literal[True] = True
    rollouts: list[RolloutOut]


class NodeUpdateOut(BaseModel):
    """One node's update within a roll-out."""

    device_id: str
    from_version: str | None
    state: UpdateState
    progress: int
    error: str | None
    started_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, update: FirmwareUpdate, device_id: str) -> "NodeUpdateOut":
        return cls.model_validate(
            {
                "device_id": device_id,
                "from_version": update.from_version,
                "state": update.state,
                "progress": update.progress,
                "error": update.error,
                "started_at": update.started_at,
                "changed_at": update.changed_at,
            }
        )


class RolloutDetail(RolloutAnswer):
    devices: list[NodeUpdateOut]


class OldVersion(BaseModel):
    """An image in the old server's words."""

    version: str
    build_number: int | None
    release_date: datetime
    file_size: int
    changelog: str
    is_stable: bool
    min_hardware_version: str
    max_hardware_version: str

    @classmethod
    def of(cls, image: FirmwareImage) -> "OldVersion":
        return cls(
            version=image.version,
            build_number=image.build_number,
            release_date=image.uploaded_at,
            file_size=image.size_bytes,
            changelog=image.changelog,
            is_stable=image.stable,
            min_hardware_version=image.hardware,
            max_hardware_version=image.hardware,
        )


class OldVersions(BaseModel):
    success: Literal[True] = True
    versions: list[OldVersion]
    count: int


class OldUpdateStatus(BaseModel):
    """A node's newest update in the old server's words."""

    device_id: str
    current_version: str | None
    target_version: str
    update_status: UpdateState
    progress: int
    error_message: str | None
    started_at: datetime
    completed_at: datetime | None
    duration: float | None = Field(description="Seconds until it was over.")


class OldUpdateAnswer(BaseModel):
    success: Literal[True] = True
    device_id: str
    update_status: OldUpdateStatus


class UpdateAccepted(BaseModel):
    success: Literal[True] = True
    message: str
    device_id: str
    target_version: str


class FirmwareStatus(BaseModel):
    """How the firmware of the whole fleet stands."""

    versions: int
    running_rollouts: int
    updates: dict[UpdateState, int]


class FirmwareStatusAnswer(BaseModel):
    success: Literal[True] = True
    firmware_status: FirmwareStatus


class ProgressReceived(BaseModel):
    success: Literal[True] = True
    device_id: str
    state: UpdateState
    progress: int


class CommandConfirmed(BaseModel):
    success: Literal[True] = True
    command_id: int
    state: str
