"""Tables of shops, machines and devices."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Identity, Integer, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


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
    sample_rate_hz: Mapped[int] = mapped_column(server_default=text("16000"))
    vibration_unit: Mapped[str] = mapped_column(server_default="g")
    """The unit this node's readings arrive in; the Adafruit driver's m/s² holds gravity as well."""
    address: Mapped[str | None] = mapped_column(INET)
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
