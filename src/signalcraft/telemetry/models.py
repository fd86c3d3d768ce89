"""The table of sensor readings, partitioned by day."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class Reading(Base):
    """What one device measured at one moment; the key makes re-sending harmless.

    Columns hold valid values only. A value that is not one (a disconnected sensor's -127 °C, `nan`) is NULL
    and stands with its reason in `quality`: `{"temperature_c": {"code": "bad", "reason": …, "raw": -127.0}}`,
    codes as in OPC UA. `extra` keeps the further numbers of field firmware (`rms_energy`, `mfcc`, …).
    """

    __tablename__ = "readings"
    __table_args__ = ({"postgresql_partition_by": "RANGE (measured_at)"},)

    # No foreign key: it would cost every row a look-up and a lock; the write path resolves the device first.
    device_id: Mapped[int] = mapped_column(Integer(), primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    temperature_c: Mapped[float | None] = mapped_column(REAL())
    vibration_x: Mapped[float | None] = mapped_column(REAL())
    vibration_y: Mapped[float | None] = mapped_column(REAL())
    vibration_z: Mapped[float | None] = mapped_column(REAL())
    power_percent: Mapped[float | None] = mapped_column(REAL())
    audio_level: Mapped[float | None] = mapped_column(REAL())
    sensor_quality: Mapped[float | None] = mapped_column(REAL())
    quality: Mapped[dict[str, Any] | None]
    extra: Mapped[dict[str, Any] | None]
