"""Tables of limits, of where each one stands, and of what has still to be looked at."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class Threshold(Base):
    """A limit that somebody has set, for one type of device or for one device, in place of the default."""

    __tablename__ = "thresholds"
    __table_args__ = (
        CheckConstraint("num_nonnulls(device_type, device_id) = 1", name="scope"),
        Index(
            "uq_thresholds_type",
            "device_type",
            "name",
            unique=True,
            postgresql_where=text("device_type IS NOT NULL"),
        ),
        Index(
            "uq_thresholds_device",
            "device_id",
            "name",
            unique=True,
            postgresql_where=text("device_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_type: Mapped[str | None]
    device_id: Mapped[int | None] = mapped_column(Integer(), ForeignKey("devices.id"))
    name: Mapped[str]
    """Of the default that it replaces: `temperature_high`."""
    rule: Mapped[dict[str, Any]]
    """The fields of `rules.Rule` that may be set."""
    changed_at: Mapped[datetime]
    changed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))


class ThresholdState(Base):
    """Where a device's limits stand; a device whose values give no cause has no row.

    `head` follows from all readings up to `head_until`, `checkpoint` from those up to `checkpoint_until`: a
    reading that comes late, but later than the checkpoint, is put in its place by beginning anew from there.
    """

    __tablename__ = "threshold_states"

    device_id: Mapped[int] = mapped_column(
        Integer(), ForeignKey("devices.id"), primary_key=True, autoincrement=False
    )
    checkpoint_until: Mapped[datetime]
    checkpoint: Mapped[dict[str, Any]]
    head_until: Mapped[datetime]
    head: Mapped[dict[str, Any]]
    """Name of the limit to its state (`machine.State`); a limit that is at rest is left out."""
    looked_at: Mapped[datetime] = mapped_column(index=True)


class ThresholdWork(Base):
    """Readings of a device that its limits have not seen yet: written with them, deleted with the outcome.

    Rows are only ever added, so that writers never wait for each other or for the worker.
    """

    __tablename__ = "threshold_work"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(Integer(), index=True)
    measured_from: Mapped[datetime]
    """The earliest of them."""


class Excursion(Base):
    """A value that was beyond its limit for as long as the limit asks, from then until it was back."""

    __tablename__ = "threshold_excursions"
    __table_args__ = (
        # Looked at again with late readings, it is still the same one.
        Index("uq_threshold_excursions_since", "device_id", "name", "since", unique=True),
        Index("ix_threshold_excursions_device", "device_id", "since"),
        Index(
            "uq_threshold_excursions_open",
            "device_id",
            "name",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    device_id: Mapped[int] = mapped_column(Integer(), ForeignKey("devices.id"))
    name: Mapped[str]
    field: Mapped[str]
    severity: Mapped[str]
    limit_value: Mapped[float]
    since: Mapped[datetime]
    """When the value went beyond the limit, by the device's clock."""
    confirmed_at: Mapped[datetime]
    """When it had been beyond for long enough, by the device's clock."""
    value: Mapped[float]
    """What was measured then."""
    ended_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
