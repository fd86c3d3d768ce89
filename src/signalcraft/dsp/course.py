"""What happens within a clip: does the compressor hum throughout, start, or stop?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp.long_spectrum import LongSpectrum

# The hum of the motor and the even turns of a slipping shaft stand together, from 5 % below an even harmonic
# of the mains to a little above.
TONES_ORDERS = (2, 4, 6)
TONES_BELOW, TONES_ABOVE = 0.05, 0.015
EDGE_S = 2.0
ACTIVE_WITHIN_DB = 6.0
_RATE_HZ = 32.0  # more than the widest range, 6 x 60.3 Hz x 6.5 %, so that all have as many values
_MIN_SIDE_S = 1.5  # a step must last: a knock or a word is no start
FLOOR_POWER = 1e-12  # -120 dB


@dataclass(frozen=True)
class Step:
    """The largest lasting change of a level. db: after minus before; NaN if the clip is too short to say."""

    db: float
    at_s: float


def tones_db(spectrum: LongSpectrum, mains_hz: float) -> tuple[NDArray[np.float64], float]:
    """Level (root mean square) of the compressor's tones over time, dBFS, float64 (n,); its values a second.

    Only narrow ranges count, 12 dB less noise than all of 80 to 400 Hz: speech and music hardly move it.
    """
    ranges_hz = [
        (order * mains_hz * (1 - TONES_BELOW), order * mains_hz * (1 + TONES_ABOVE)) for order in TONES_ORDERS
    ]
    tones = spectrum.bands(ranges_hz, rate_hz=_RATE_HZ)
    # An amplitude of 1 is a sine whose mean square is a half.
    power = np.square(np.abs(tones), dtype=np.float64).sum(axis=0) / 2
    return 10 * np.log10(np.maximum(power, FLOOR_POWER)).ravel(), tones.shape[2] * spectrum.bin_hz


def edges_db(level_db: NDArray[np.float64], rate_hz: float) -> tuple[float, float]:
    """Median level of the first and of the last EDGE_S; of the halves of a clip shorter than both."""
    n = min(round(EDGE_S * rate_hz), level_db.size // 2)
    return _quantile(level_db[:n], 0.5), _quantile(level_db[-n:], 0.5)


def largest_step(level_db: NDArray[np.float64], rate_hz: float) -> Step:
    """Where splitting the clip in two explains most of the level's variance (least squares)."""
    side = round(_MIN_SIDE_S * rate_hz)
    n = level_db.size
    if n < 2 * side + 2:
        return Step(float("nan"), float("nan"))
    before = np.arange(side, n - side + 1)
    sums = np.cumsum(level_db)[before - 1]
    change = (level_db.sum() - sums) / (n - before) - sums / before
    best = int((np.square(change) * before * (n - before)).argmax())
    return Step(float(change[best]), float(before[best] / rate_hz))


def active_share(level_db: NDArray[np.float64]) -> float:
    """Share of the time within ACTIVE_WITHIN_DB of the level that a tenth of the clip passes, 0 to 1."""
    return float(np.mean(level_db >= _quantile(level_db, 0.9) - ACTIVE_WITHIN_DB))


def _quantile(values: NDArray[np.float64], share: float) -> float:
    """The nearest of the values, several times faster than `np.quantile`."""
    return float(np.sort(values)[round(share * (values.size - 1))])
