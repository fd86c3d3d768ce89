"""Readings as columns: what the write path carries, so that no step works row by row."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.quality import RANGES

FIELDS: tuple[str, ...] = tuple(RANGES)
"""The order of `Columns.fields`."""

ABSENT = -1
"""A node that counts nothing: no boot, no sequence."""


@dataclass(frozen=True)
class Columns:
    """Judged readings that one transaction stores together; arrays of one length, a row a reading.

    Sorted by device and time, and no two rows have the same device and time.

    Attributes
    ----------
    received_at : the moment of all of them, on our clock.
    device : `devices.id`.
    measured_at_us : microseconds since 1970, UTC.
    fields : [row, place in FIELDS], in the unit the device sends; NaN where there is no valid value.
    quality : flaws by field (`quality.Flaws`), None where there are none.
    extra : further data of field firmware, None where there is none.
    boot, sequence : what the node counts, ABSENT where it does not.
    """

    received_at: datetime
    device: NDArray[np.int32]
    measured_at_us: NDArray[np.int64]
    fields: NDArray[np.float32]
    quality: NDArray[np.object_]
    extra: NDArray[np.object_]
    boot: NDArray[np.int64]
    sequence: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.device)

    def column(self, name: str) -> NDArray[np.float32]:
        """The values of a field of FIELDS."""
        values: NDArray[np.float32] = self.fields[:, FIELDS.index(name)]
        return values

    def take(self, rows: NDArray[Any]) -> "Columns":
        """Those rows (a mask or positions), in their order."""
        return Columns(
            self.received_at,
            self.device[rows],
            self.measured_at_us[rows],
            self.fields[rows],
            self.quality[rows],
            self.extra[rows],
            self.boot[rows],
            self.sequence[rows],
        )
