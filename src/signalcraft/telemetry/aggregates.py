"""What is counted of many readings: numeric, no input or output. Minutes, hours and days are made alike."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from signalcraft.telemetry.models import ROLLED_FIELDS
from signalcraft.telemetry.sketches import SCALES, STORED

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

COUNTS = ("readings", "flawed", "late", "minutes", "axes_n")
_PLACES = 1 << 16
_FIELDS = len(ROLLED_FIELDS)


@dataclass(frozen=True)
class Aggregates:
    """Counts of readings, a row for each device and stretch of time.

    Attributes
    ----------
    device, at_us : whose, and when the stretch begins (microseconds since 1970).
    counts : [row, place in COUNTS].
    axes : [row, 3] sums of the acceleration vectors in g.
    n, lowest, highest, total, squares : [row, place in ROLLED_FIELDS]: how many valid values, the extremes
        (+inf and -inf where there are none), sum, sum of squares.
    classes : [m, 2] the sketches: row · fields · classes + field · classes + class, and the count; by the
        first.
    """

    device: NDArray[np.int64]
    at_us: NDArray[np.int64]
    counts: NDArray[np.int64]
    axes: NDArray[np.float64]
    n: NDArray[np.int64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.device)

    def by(self, step_us: int) -> "Aggregates":
        """The same in stretches of `step_us`, by device, then time."""
        start = self.at_us - self.at_us % step_us
        if not len(start):
            return self
        order = _order(self.device, start)
        device, start = self.device[order], start[order]
        is_first = np.ones(len(device), np.bool_)
        is_first[1:] = (device[1:] != device[:-1]) | (start[1:] != start[:-1])
        first = np.flatnonzero(is_first)
        group = np.empty(len(device), np.int64)
        group[order] = np.cumsum(is_first) - 1
        return Aggregates(
            device[first],
            start[first],
            np.add.reduceat(self.counts[order], first),
            np.add.reduceat(self.axes[order], first),
            np.add.reduceat(self.n[order], first),
            np.minimum.reduceat(self.lowest[order], first),
            np.maximum.reduceat(self.highest[order], first),
            np.add.reduceat(self.total[order], first),
            np.add.reduceat(self.squares[order], first),
            _regrouped(self.classes, group),
        )

    def take(self, rows: NDArray[np.bool_]) -> "Aggregates":
        """Those rows, in their order."""
        place = np.cumsum(rows) - 1
        before = self.classes[:, 0] // (_FIELDS * _PLACES)
        classes = self.classes[rows[before]]
        before = before[rows[before]]
        classes[:, 0] += (place[before] - before) * _FIELDS * _PLACES
        columns = {field.name: getattr(self, field.name)[rows] for field in fields(self)[:-1]}
        return Aggregates(**columns, classes=classes)

    def mean_axes(self) -> NDArray[np.float64]:
        """[row, 3] the mean acceleration in g, NaN where no whole vector came."""
        count = self.counts[:, COUNTS.index("axes_n")].astype(np.float64)
        count[count == 0] = np.nan
        return self.axes / count[:, np.newaxis]

    def sketches(self) -> list[list[bytes | None]]:
        """[field][row], as stored; None where there is no value."""
        key = self.classes[:, 0] // _PLACES
        pairs = np.empty(len(key), STORED)
        pairs["place"] = self.classes[:, 0] % _PLACES - _PLACES // 2
        pairs["count"] = self.classes[:, 1]
        ends = np.searchsorted(key, np.arange(len(self) * _FIELDS + 1))
        data, size = pairs.tobytes(), STORED.itemsize
        cut: list[bytes | None] = [
            data[start * size : end * size] or None
            for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]
        return [cut[place::_FIELDS] for place in range(_FIELDS)]


def of_readings(
    device: NDArray[np.int64],
    measured_at_us: NDArray[np.int64],
    *,
    values: NDArray[np.float64],
    axes: NDArray[np.float64],
    flawed: NDArray[np.bool_],
    late: NDArray[np.bool_],
) -> Aggregates:
    """The minutes of these readings.

    Parameters
    ----------
    values : [row, place in ROLLED_FIELDS], NaN where there is no valid value.
    axes : [row, 3] acceleration in g, NaN likewise.
    """
    valid = ~np.isnan(values)
    whole = ~np.isnan(axes.sum(axis=1))
    ones = np.ones(len(device), np.int64)
    known = np.where(valid, values, 0.0)
    single = Aggregates(
        device=device,
        at_us=measured_at_us,
        counts=np.stack([ones, flawed, late, ones, whole], axis=1).astype(np.int64),
        axes=np.where(whole[:, np.newaxis], axes, 0.0),
        n=valid.astype(np.int64),
        lowest=np.where(valid, values, np.inf),
        highest=np.where(valid, values, -np.inf),
        total=known,
        squares=known**2,
        classes=_classes_of(values, valid),
    )
    minutes = single.by(MINUTE_US)
    minutes.counts[:, COUNTS.index("minutes")] = 1
    return minutes


def of_sketches(sketches: Sequence[NDArray[np.object_]]) -> NDArray[np.int64]:
    """`Aggregates.classes` from stored sketches, [field][row], empty where there is no value."""
    parts: list[bytes] = np.stack(sketches, axis=1).ravel().tolist()
    pairs = np.frombuffer(b"".join(parts), STORED)
    keys = np.repeat(np.arange(len(parts)), [len(part) // STORED.itemsize for part in parts])
    places = pairs["place"].astype(np.int64) + _PLACES // 2
    return np.stack([keys * _PLACES + places, pairs["count"].astype(np.int64)], axis=1)


def together(first: Aggregates, second: Aggregates) -> Aggregates:
    """The rows of both under each other."""
    shifted = second.classes + np.array([len(first) * _FIELDS * _PLACES, 0])
    columns = {
        field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
        for field in fields(Aggregates)[:-1]
    }
    return Aggregates(**columns, classes=np.concatenate([first.classes, shifted]))


def _classes_of(values: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    keys = []
    for place, scale in enumerate(SCALES):
        rows = np.flatnonzero(valid[:, place])
        classes = scale.places(values[rows, place]) + _PLACES // 2
        keys.append((rows * _FIELDS + place) * _PLACES + classes)
    key = np.concatenate(keys)
    return np.stack([key, np.ones(len(key), np.int64)], axis=1)


def _order(device: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """By device, then moment. Rows mostly are already: moving them would take most of the time."""
    in_order = (device[1:] > device[:-1]) | ((device[1:] == device[:-1]) & (at[1:] >= at[:-1]))
    return slice(None) if in_order.all() else np.lexsort((at, device))


def _regrouped(classes: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sketches with their rows renamed, those of one row added up.

    Counted in a table of all classes between the least and the greatest: no field has more than 400.
    """
    if not len(classes):
        return classes
    key, count = classes[:, 0], classes[:, 1]
    cell, place = np.divmod(key, _PLACES)
    row, field = np.divmod(cell, _FIELDS)
    least = int(place.min())
    width = int(place.max()) - least + 1
    table = np.bincount((group[row] * _FIELDS + field) * width + place - least, weights=count)
    found = np.flatnonzero(table)
    cell, place = np.divmod(found, width)
    return np.stack([cell * _PLACES + place + least, table[found].astype(np.int64)], axis=1)
