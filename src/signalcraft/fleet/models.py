"""Tables of shops, machines and devices."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Integer, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class Shop(Base):
    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
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
    __table_args__ = (CheckConstraint("vibration_unit IN ('g', 'm/s2')", name="vibration_unit"),)

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
