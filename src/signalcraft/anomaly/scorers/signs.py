"""Tones, impacts and swings: a fault shows in a few of them, and a clip may not tell all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.scorers.linear import median_and_deviation

Array = NDArray[np.float64]

STRANGEST = 3
# Of Student's distribution: tones and rhythms that are found or missed by a hair have such tails.
_FREEDOM = 4.0
_LEAST_DEVIATION = 0.1  # dB, or of a kurtosis: below the spread of any real clip


@dataclass(frozen=True)
class Signs:
    """How strange the STRANGEST of the values are that the clip has."""

    def names(self) -> tuple[str, ...]:
        return ("strangest",)

    def scores(self, z: Array) -> Array:
        """(m, q), scaled, NaN where unknown -> (1, m): mean of log(1 + z^2 / 4) over the strangest."""
        strange = np.sort(np.log1p(np.square(np.nan_to_num(z)) / _FREEDOM), axis=1)
        found: Array = strange[:, -STRANGEST:].mean(axis=1)[None]
        return found


def usual(values: Array) -> tuple[Array, Array]:
    """Median and deviation (q,) of (n, q) by the clips that have a value; NaN where fewer than half do."""
    centre, deviation = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    known = np.isfinite(values)
    for i in np.flatnonzero(2 * known.sum(axis=0) >= len(values)):
        centre[i], deviation[i] = median_and_deviation(values[known[:, i], i])
    return centre, deviation + _LEAST_DEVIATION
