"""Tables of firmware images, their roll-outs, and each node's update."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import BigInteger

from signalcraft.db.base import Base

ROLLOUT_STATES = ("running", "stopped", "rolled_back")
UPDATE_STATES = ("pending", "downloading", "installing", "completed", "failed", "cancelled")
UNDER_WAY = ("pending", "downloading", "installing")


class FirmwareImage(Base):
    """An image whose signature was checked when it came; its bytes are in the object store."""

    __tablename__ = "firmware_images"
    __table_args__ = (Index("uq_firmware_images_version", "hardware", "version", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version: Mapped[str]
    build_number: Mapped[int | None]
    hardware: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary())
    signature: Mapped[bytes] = mapped_column(LargeBinary())
    key_id: Mapped[str]
    """Which of the operator's keys signed it."""
    object_key: Mapped[str] = mapped_column(unique=True)
    changelog: Mapped[str]
    stable: Mapped[bool]
    uploaded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    uploaded_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FirmwareRollout(Base):
    """Who is to get an image, and when it is taken back."""

    __tablename__ = "firmware_rollouts"
    __table_args__ = (
        CheckConstraint(f"state IN {ROLLOUT_STATES}", name="state"),
        CheckConstraint("percent BETWEEN 1 AND 100", name="percent"),
        Index("ix_firmware_rollouts_running", "id", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("firmware_images.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="running")
    percent: Mapped[int] = mapped_column(Integer())
    """Share of the nodes concerned, chosen by a stable hash: raising it keeps those that were in."""
    shop_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger()))
    """Only nodes of these shops; None: of all."""
    failure_share: Mapped[float]
    """Failed of finished updates, beyond which the roll-out is taken back …"""
    failure_minimum: Mapped[int] = mapped_column(Integer())
    """… but not before so many have failed: one bad power supply proves nothing."""
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class FirmwareUpdate(Base):
    """One node's way to one image."""

    __tablename__ = "firmware_updates"
    __table_args__ = (
        CheckConstraint(f"state IN {UPDATE_STATES}", name="state"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        # A node does one update at a time.
        Index(
            "uq_firmware_updates_under_way",
            "device_id",
            unique=True,
            postgresql_where=text(f"state IN {UNDER_WAY}"),
        ),
        Index("ix_firmware_updates_rollout", "rollout_id", "device_id"),
        Index("ix_firmware_updates_device", "device_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(Integer(), ForeignKey("devices.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("firmware_images.id"))
    rollout_id: Mapped[int | None] = mapped_column(ForeignKey("firmware_rollouts.id"))
    """None: asked for by a person, for this node alone, or going back to what was before."""
    command_id: Mapped[int] = mapped_column(ForeignKey("device_commands.id"))
    from_version: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    progress: Mapped[int] = mapped_column(Integer(), server_default=text("0"))
    error: Mapped[str | None]
    started_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
