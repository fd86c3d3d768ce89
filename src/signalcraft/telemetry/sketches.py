"""How values are distributed, in a few bytes that can be added up: fixed classes and their counts.

Classes are fixed for each field, so that the sketches of two minutes, added class by class, are the sketch
of both, exactly; minutes make hours, hours days, in any order. What is lost is the place within a class, and
that bounds the error of a percentile:

    temperature_c, power_percent    classes 0.5 °C and 1 % wide     error at most half of that
    vibration_g, audio_level        each class 10 % above the last  error at most 5 % of the value

Stored as little-endian pairs (int16 class, uint32 count), by class, without the empty ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STORED = np.dtype([("place", "<i2"), ("count", "<u4")])


@dataclass(frozen=True)
class Linear:
    """Classes of one width; class k holds what rounds to k widths."""

    width: float

    def places(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.rint(values / self.width).astype(np.int64)

    def values(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        return places.astype(np.float64) * self.width


@dataclass(frozen=True)
class Geometric:
    """Classes growing by a ratio from `least` on, below which all is class 0 and counts as 0."""

    least: float
    ratio: float

    def places(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        above = np.maximum(values, self.least)
        places = np.floor(np.log(above / self.least) / np.log(self.ratio)).astype(np.int64) + 1
        return np.where(values < self.least, 0, places)

    def values(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        middle = self.least * np.power(self.ratio, places.astype(np.float64) - 0.5)
        return np.where(places == 0, 0.0, middle)


Scale = Linear | Geometric

SCALES: Sequence[Scale] = (Linear(0.5), Geometric(0.001, 1.1), Linear(1.0), Geometric(1.0, 1.1))
"""Of `models.ROLLED_FIELDS`, in their order."""


def percentile(
    sketch: bytes, scale: Scale, fraction: float, *, lowest: float, highest: float
) -> float | None:
    """The value that this fraction (0 to 1) of all values does not exceed; None for an empty sketch.

    lowest, highest : the true extremes, which no answer exceeds.
    """
    pairs = np.frombuffer(sketch, STORED)
    if not len(pairs):
        return None
    reached = np.cumsum(pairs["count"])
    at = int(np.searchsorted(reached, max(fraction * reached[-1], 1.0)))
    value = float(scale.values(pairs["place"][at : at + 1].astype(np.int64))[0])
    return min(max(value, lowest), highest)
