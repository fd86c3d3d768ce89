"""All readings of a device as a file, written while it is sent: memory stays flat, however long the range.

The range is read in portions, each in a transaction of its own: a client that reads slowly keeps no
connection of the database busy and no old table from being dropped. What arrives meanwhile for a portion that
was sent already is not in the file.
"""

import io
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.db.replica import read
from signalcraft.fleet.models import Device
from signalcraft.telemetry import series_queries as queries
from signalcraft.telemetry.quality import UNITS_IN_G
from signalcraft.telemetry.series import vibrations

Format = Literal["csv", "parquet"]

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}

PORTION = timedelta(hours=6)
"""21,600 readings at one a second: a megabyte, and some 50 ms of the database."""

SCHEMA = pa.schema(
    [
        ("measured_at", pa.timestamp("us", tz="UTC")),
        ("received_at", pa.timestamp("us", tz="UTC")),
        ("temperature_c", pa.float32()),
        ("acceleration_x_g", pa.float32()),
        ("acceleration_y_g", pa.float32()),
        ("acceleration_z_g", pa.float32()),
        ("vibration_g", pa.float32()),
        ("power_percent", pa.float32()),
        ("audio_level", pa.float32()),
        ("sensor_quality", pa.float32()),
        ("flawed", pa.bool_()),
    ]
)
"""Empty where there is no valid value; `flawed` where any value was marked. Acceleration as measured, gravity
included, in g whatever the node sends; `vibration_g` without it."""


def export(device: Device, form: Format, *, start: datetime, end: datetime) -> Iterator[bytes]:
    """The readings in [start, end), oldest first, as the bytes of a file. The caller has checked who asks."""
    sink = _Sink()
    writer = (
        pyarrow.csv.CSVWriter(sink, SCHEMA)
        if form == "csv"
        else pyarrow.parquet.ParquetWriter(sink, SCHEMA, compression="zstd")
    )
    with writer:
        while start < end:
            until = min(start + PORTION, end)
            table = read(lambda session, since=start, to=until: _table(session, device, since, to))  # type: ignore[misc]
            if len(table):
                writer.write_table(table)
            if part := sink.taken():
                yield part
            start = until
    yield sink.taken()


def _table(session: Session, device: Device, start: datetime, end: datetime) -> pa.Table:
    found = queries.export(session, device.id, start=start, end=end)
    scale = UNITS_IN_G[device.vibration_unit]
    numbers = [
        found["temperature_c"],
        *(found[axis] * scale for axis in queries.AXES),
        vibrations(session, [device], found),
        found["power_percent"],
        found["audio_level"],
        found["sensor_quality"],
    ]
    moments = [pa.array(_native(found[name], "i8")) for name in ("at", "received_at")]
    return pa.Table.from_arrays(
        [
            *(moment.cast(SCHEMA.field(0).type) for moment in moments),
            *(pa.array(_native(number, "f4"), from_pandas=True) for number in numbers),  # NaN is empty
            pa.array(_native(found["flawed"], "?")),
        ],
        schema=SCHEMA,
    )


def _native(column: NDArray[np.generic], kind: str) -> NDArray[np.generic]:
    """In the byte order of this machine; the network's is the other one."""
    return np.ascontiguousarray(column).astype(kind)


class _Sink(io.RawIOBase):
    """A file that hands on what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
