"""Readings on their way to the writer: one request's, decoded, neither admitted nor judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.columns import ABSENT, FIELDS
from signalcraft.telemetry.quality import bad
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.times import microseconds

_COLUMNS = ("measured_at_us", "boot", "sequence", "uptime_us", "fields", "quality", "extra")


@dataclass(frozen=True)
class Batch:
    """The readings of one request; arrays of one length, a row a reading, in the sender's order.

    Attributes
    ----------
    names : the devices the readings say they are of, each once.
    name : place of each reading's device in `names`.
    measured_at_us : microseconds since 1970, UTC; ABSENT where only the node's own clock is known.
    boot, sequence, uptime_us : the node's own clock and count, ABSENT where it has none.
    fields : [row, place in FIELDS] in the unit the device sends; NaN where nothing was sent.
    quality : flaws known already (a token that is no number), None where there are none.
    extra : further data of field firmware, None where there is none.
    """

    names: Sequence[str]
    name: NDArray[np.int32]
    measured_at_us: NDArray[np.int64]
    boot: NDArray[np.int64]
    sequence: NDArray[np.int64]
    uptime_us: NDArray[np.int64]
    fields: NDArray[np.float64]
    quality: NDArray[np.object_]
    extra: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.name)

    def take(self, rows: NDArray[Any]) -> "Batch":
        """Those rows (a mask or positions), in their order; devices without a row are left out."""
        kept, name = np.unique(self.name[rows], return_inverse=True)
        return Batch(
            names=[self.names[place] for place in kept.tolist()],
            name=name.astype(np.int32),
            **{column: getattr(self, column)[rows] for column in _COLUMNS},
        )


def of_reading(device_id: str, reading: ReadingIn) -> Batch:
    """A batch of one."""
    absent = np.full(1, ABSENT, np.int64)
    values = [reading.values.get(field) for field in FIELDS]
    unreadable = {field: bad("unreadable_number", token) for field, token in reading.unreadable.items()}
    return Batch(
        names=(device_id,),
        name=np.zeros(1, np.int32),
        measured_at_us=np.array([microseconds(reading.measured_at)], np.int64),
        boot=absent,
        sequence=absent,
        uptime_us=absent,
        fields=np.array([values], np.float64),
        quality=objects([{**unreadable, **reading.flaws} or None]),
        extra=objects([reading.extra]),
    )


def join(batches: Sequence[Batch]) -> Batch:
    """All rows under each other; `names` as well, so that a device stands in it once for each batch."""
    names: list[str] = []
    places = []
    for batch in batches:
        places.append(batch.name + np.int32(len(names)))
        names += batch.names
    joined = {column: np.concatenate([getattr(batch, column) for batch in batches]) for column in _COLUMNS}
    return Batch(names=names, name=np.concatenate(places), **joined)


def objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """An array of Python objects, whatever these are."""
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array
