"""Tables of shops, machines and devices."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, REAL
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base

FREEZER = "freezer"
"""What every device watches until somebody says otherwise: the fleet is ice-cream freezers."""


class Shop(Base):
    __tablename__ = "shops"
    __table_args__ = (
        CheckConstraint(
            "status IN ('pending', 'active', 'maintenance', 'inactive', 'suspended')", name="status"
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    """Its people see it while it is `active` or in `maintenance`; its nodes are heard in any state."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    probe: Mapped[bool] = mapped_column(server_default=text("false"))
    """The system's own, for its visitors (`operations/probe_shop.py`): in nobody else's list or count."""


class Machine(Base):
    """A compressor with its cabinet.

    A machine without a shop belongs to a device that nobody has claimed yet: only administrators see it, its
    baseline is learned all the same, and claiming it keeps everything.
    """

    __tablename__ = "machines"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"), index=True)
    name: Mapped[str]
    model: Mapped[str | None]
    """Maker and type, as people write it: machines of one model lend each other what they have learned."""
    synthetic: Mapped[bool] = mapped_column(server_default=text("false"))
    """Its data comes from the simulator; every answer that shows it says so."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    probe: Mapped[bool] = mapped_column(server_default=text("false"))
    """Of the system's own shop: likewise."""


class Device(Base):
    """An ESP32 node. `device_id` is the name it gives itself; `id` is what narrow rows refer to."""

    __tablename__ = "devices"
    __table_args__ = (
        CheckConstraint("vibration_unit IN ('g', 'm/s2')", name="vibration_unit"),
        CheckConstraint("admission IN ('undecided', 'keyless', 'key', 'blocked')", name="admission"),
    )

    id: Mapped[int] = mapped_column(Integer(), Identity(), primary_key=True)
    device_id: Mapped[str] = mapped_column(unique=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machines.id"), index=True)
    claimed_at: Mapped[datetime | None]
    firmware_version: Mapped[str | None]
    hardware_version: Mapped[str | None]
    """The board, as the node says it: an image is made for one."""
    device_type: Mapped[str] = mapped_column(server_default=FREEZER)
    """What the node watches: thresholds and the health score have values of their own for a type."""
    sample_rate_hz: Mapped[int] = mapped_column(server_default=text("16000"))
    vibration_unit: Mapped[str] = mapped_column(server_default="g")
    """The unit this node's readings arrive in; the Adafruit driver's m/s² holds gravity as well."""
    address: Mapped[str | None] = mapped_column(INET)
    id_conflict_at: Mapped[datetime | None]
    """When two nodes that call themselves by this name were last connected at the same time."""
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    admission: Mapped[str] = mapped_column(server_default="undecided")
    """Who is believed to be this node.

    `key`: who shows a key of it. `keyless`: whoever sends from `networks`, as its shop's owner has allowed.
    `undecided`: whoever sends; nobody has claimed it, or somebody has before there were keys.
    `blocked`: nobody.
    """
    networks: Mapped[list[str] | None] = mapped_column(ARRAY(Text()))
    """Networks in CIDR notation from which a node without a key is let in."""

    @property
    def unauthenticated(self) -> bool:
        """Whether others than the node could be sending in its name."""
        return self.admission != "key"


class DeviceKey(Base):
    """A secret of one node; only its hash is kept. A node may have two while one replaces the other."""

    __tablename__ = "device_keys"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), index=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary(), unique=True)
    beginning: Mapped[str]
    """Its first characters, to be recognised by."""
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    first_used_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    """Set when the node has shown its next key."""
    revoked_at: Mapped[datetime | None]


class ClaimCode(Base):
    """A short code that makes the node which shows it a machine of a shop, once; only its hash is kept."""

    __tablename__ = "claim_codes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(), unique=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id", ondelete="CASCADE"), index=True)
    machine_name: Mapped[str]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))


class DeviceState(Base):
    """What a node last said of itself and of its machine, kept up at most every few seconds.

    When it was last heard at all stands in `devices.last_seen_at`; the readings themselves in `readings`.
    """

    __tablename__ = "device_states"
    __table_args__ = (
        CheckConstraint("status IN ('online', 'late', 'offline')", name="status"),
        # Room beside each row for its next version: no index changes, so none has to be written.
        {"postgresql_with": {"fillfactor": 50}},
    )

    device_id: Mapped[int] = mapped_column(
        Integer(), ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    status: Mapped[str] = mapped_column(server_default="online")
    """As it was last told to people; what it is now follows from the silence."""
    status_since: Mapped[datetime] = mapped_column(server_default=func.now())
    rhythm_s: Mapped[float] = mapped_column(server_default=text("30"))
    """Time between two deliveries of readings, a mean in which older ones count less."""
    last_received_at: Mapped[datetime | None]
    """When the newest reading came, as against when it was measured."""
    boot_id: Mapped[int | None]
    boot_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Starts that we have noticed: the boot id changed, or the time since the start went back."""
    uptime_ms: Mapped[int | None]
    rssi_dbm: Mapped[int | None] = mapped_column(Integer())
    free_heap_bytes: Mapped[int | None]
    told_at: Mapped[datetime | None]
    """When the node last told of itself: boot, signal strength, memory."""
    measured_at: Mapped[datetime | None]
    temperature_c: Mapped[float | None] = mapped_column(REAL())
    vibration_x: Mapped[float | None] = mapped_column(REAL())
    vibration_y: Mapped[float | None] = mapped_column(REAL())
    vibration_z: Mapped[float | None] = mapped_column(REAL())
    power_percent: Mapped[float | None] = mapped_column(REAL())
    audio_level: Mapped[float | None] = mapped_column(REAL())
    sensor_quality: Mapped[float | None] = mapped_column(REAL())
    """The newest reading; None where it held no valid value."""


class Listening(Base):
    """Since when we have listened without a pause: while we were down, the silence was ours."""

    __tablename__ = "listening"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]
    until: Mapped[datetime]


class NodeSettings(Base):
    """How a node is to work, with a version that it confirms."""

    __tablename__ = "node_settings"

    device_id: Mapped[int] = mapped_column(
        Integer(), ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    version: Mapped[int]
    upload_interval_s: Mapped[int] = mapped_column(Integer())
    sample_rate_hz: Mapped[int] = mapped_column(Integer())
    changed_at: Mapped[datetime]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    applied_version: Mapped[int | None]
    """The newest version that the node has confirmed."""
    applied_at: Mapped[datetime | None]


COMMAND_KINDS = ("config", "calibrate", "restart", "firmware_update")
COMMAND_STATES = ("queued", "delivered", "acknowledged", "failed", "expired", "cancelled")
OPEN_COMMANDS = ("queued", "delivered")


class DeviceCommand(Base):
    """Something a node is to do: kept until it says that it has, or until it is too late."""

    __tablename__ = "device_commands"
    __table_args__ = (
        CheckConstraint(f"kind IN {COMMAND_KINDS}", name="kind"),
        CheckConstraint(f"state IN {COMMAND_STATES}", name="state"),
        Index("ix_device_commands_device", "device_id", "id"),
        Index("ix_device_commands_open", "device_id", postgresql_where=text(f"state IN {OPEN_COMMANDS}")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(Integer(), ForeignKey("devices.id"))
    kind: Mapped[str]
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="queued")
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None: the system itself, for a roll-out."""
    expires_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    deliveries: Mapped[int] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
    message: Mapped[str | None]
    """What the node said about it."""
