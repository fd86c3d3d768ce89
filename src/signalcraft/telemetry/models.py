"""The tables of readings, their roll-ups, and what is known of the devices' clocks and positions."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL
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


ROLLED_FIELDS = ("temperature_c", "vibration_g", "power_percent", "audio_level")
"""What charts show and roll-ups keep; `vibration_g` is computed (`quality.vibration_g`)."""


def _rollup(level: str, **options: Any) -> Table:
    """One row a device and minute, hour or day (UTC); `at` is its beginning.

    `readings` came in, `flawed` of them with a mark of quality, `late` of them more than a minute after they
    were measured, in `minutes` different minutes. `axes_*` are the number and the sums (g) of whole
    acceleration vectors, whose mean is gravity. Of each field: how many values, their least, greatest, sum,
    sum of squares, and a sketch of their distribution (`sketches.py`).
    """
    columns: list[Column[Any]] = [
        Column("device_id", Integer(), primary_key=True),
        Column("at", DateTime(timezone=True), primary_key=True),
        *(
            Column(name, Integer(), nullable=False)
            for name in ("readings", "flawed", "late", "minutes", "axes_n")
        ),
        *(Column(f"axes_{axis}", Float(53), nullable=False) for axis in "xyz"),
    ]
    for field in ROLLED_FIELDS:
        columns += [
            Column(f"{field}_n", Integer(), nullable=False),
            Column(f"{field}_min", REAL()),
            Column(f"{field}_max", REAL()),
            Column(f"{field}_sum", Float(53)),
            Column(f"{field}_squares", Float(53)),
            Column(f"{field}_sketch", LargeBinary()),
        ]
    return Table(f"readings_{level}", Base.metadata, *columns, **options)


readings_minute = _rollup("minute", postgresql_partition_by="RANGE (at)")
readings_hour = _rollup("hour")
readings_day = _rollup("day")
Index(  # the summary adds up all devices of two weeks: from this alone, a row is twenty times as wide
    "ix_readings_day_at",
    readings_day.c.at,
    postgresql_include=["device_id", "minutes", "power_percent_n", "power_percent_sum"],
)


class RollupMark(Base):
    """Minutes (or hours) of devices whose roll-up no longer says what the readings say.

    Written in the transaction that stores the readings, so that neither is there without the other; a row
    is never changed. `minutes` counts from 1970 and stands beside `device_ids`, place by place.
    """

    __tablename__ = "rollup_marks"
    __table_args__ = (CheckConstraint("level IN ('minute', 'hour')", name="level"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    level: Mapped[str]
    noted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    device_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer()))
    minutes: Mapped[list[int]] = mapped_column(ARRAY(Integer()))


class RollupProgress(Base):
    """Every mark of this level noted before that moment is worked off. Its lock makes the roller single."""

    __tablename__ = "rollup_progress"

    level: Mapped[str] = mapped_column(primary_key=True)
    noted_before: Mapped[datetime]


class RollupBacklog(Base):
    """A day of readings that came in without marks: recorded by an older version, or moved from old files.

    A day may stand here more than once: who adds one cannot know whether an earlier row is just being taken.
    """

    __tablename__ = "rollup_backlog"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    day: Mapped[date]


class KeptSince(Base):
    """What was measured before this moment has been dropped: readings (`raw`) or their minutes (`minute`)."""

    __tablename__ = "kept_since"
    __table_args__ = (CheckConstraint("kind IN ('raw', 'minute')", name="kind"),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    moment: Mapped[datetime]


class DeviceGravity(Base):
    """The part of a device's acceleration that is not vibration, in g, from a moment on (`gravity.py`)."""

    __tablename__ = "device_gravity"

    device_id: Mapped[int] = mapped_column(Integer(), primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    x: Mapped[float]
    y: Mapped[float]
    z: Mapped[float]


class DeviceBoot(Base):
    """How a node's count since one start maps to time (`clocks.py`).

    From an uptime of `from_us[k]` on, a moment is `offset_us[k]` plus the uptime, in microseconds since 1970.
    `boot` is the node's own number, or minus the second of the start where it names none. `drift_ppm` is how
    much slower than ours its clock runs, once that can be told.
    """

    __tablename__ = "device_boots"

    device_id: Mapped[int] = mapped_column(Integer(), primary_key=True)
    boot: Mapped[int] = mapped_column(primary_key=True)
    from_us: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))
    offset_us: Mapped[list[int]] = mapped_column(ARRAY(BigInteger()))
    drift_ppm: Mapped[float | None]
    learned_at: Mapped[datetime]
