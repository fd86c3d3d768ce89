"""Tones of a clip: mains hum, shaft and fan, each found by its family of harmonics, or not found.

A line counts as found by its prominence over the noise around it, so it does not matter how loud a clip is.
Thresholds follow from chance alone: the power of noise in a bin is exponentially distributed, so a ratio r to
its mean is passed with probability exp(-r); with some hundred frequencies tried, two lines of 9 dB or one of
15 dB come by chance in fewer than one clip in a thousand. The ranges are those of the machines: grids hold
their frequency within 0.3 Hz; induction motors of this size slip by 0.8 to 5 %; fans turn 12 to 45 times a
second (all: physics and standards, no recording was looked at).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp.long_spectrum import Line, LongSpectrum

GRIDS_HZ = (50.0, 60.0)
GRID_TOLERANCE_HZ = 0.3
HUM_ORDERS = (2, 4, 6, 8)  # magnetic force pulls twice a period: a motor hums at even harmonics
HUM_LEVEL_ORDERS = (1, 2, 4, 6, 8)
SHAFT_ORDERS = (1, 2, 3, 4)
SLIP = (0.008, 0.05)
FAN_RANGE_HZ = (12.0, 45.0)
FAN_ORDERS_TO_HZ = 400.0  # seven blades at 45 turns, and a harmonic of fewer
PAIR_PROMINENCE = 10**0.9
SINGLE_PROMINENCE = 10**1.5
_CAP = 10**2.0  # one very loud line must not stand for a whole family
_MIN_SIDE_BAND_BINS = 3.0  # two Hann lines this far apart are two peaks


@dataclass(frozen=True)
class Hum:
    """mains_hz: NaN if the hum was not found, as are the others then. powers: at HUM_LEVEL_ORDERS, relative
    to a full-scale sine. prominence: of the second harmonic, a power ratio."""

    mains_hz: float
    powers: tuple[float, ...]
    prominence: float


@dataclass(frozen=True)
class Shaft:
    """hz: turns per second; NaN if not found, as are the others then. half_power and powers: at half the
    frequency and at SHAFT_ORDERS. prominence: of the first order, a power ratio. poles: of the motor."""

    hz: float
    half_power: float
    powers: tuple[float, ...]
    prominence: float
    poles: int


@dataclass(frozen=True)
class Slip:
    """hz: distance of the side bands from the hum at twice the mains. side_band: power of the upper one
    relative to the hum (the lower falls on the second harmonic of a two-pole shaft). NaN if not found."""

    hz: float
    side_band: float


@dataclass(frozen=True)
class Fan:
    """hz: turns per second. power: of the family's lines together. prominence: of the strongest. NaN if not
    found."""

    hz: float
    power: float
    prominence: float


NO_HUM = Hum(math.nan, (math.nan,) * len(HUM_LEVEL_ORDERS), math.nan)
NO_SHAFT = Shaft(math.nan, math.nan, (math.nan,) * len(SHAFT_ORDERS), math.nan, 0)
NO_SLIP = Slip(math.nan, math.nan)
NO_FAN = Fan(math.nan, math.nan, math.nan)


def find_hum(spectrum: LongSpectrum) -> Hum:
    """Which mains the motor hums with, by the comb of even harmonics that stands out most."""
    grid = likely_mains_hz(spectrum)
    found = [spectrum.line(order * grid, within_hz=order * 0.02) for order in HUM_ORDERS]
    if not _is_family(found):
        return NO_HUM
    mains_hz = _fundamental(found, HUM_ORDERS)
    lines = [spectrum.line(order * mains_hz) for order in HUM_LEVEL_ORDERS]
    return Hum(mains_hz, tuple(line.power for line in lines), lines[1].prominence)


def likely_mains_hz(spectrum: LongSpectrum) -> float:
    """The grid frequency whose even harmonics stand out most, whether or not that is enough to be found."""
    step = 0.01
    deviations = np.arange(-GRID_TOLERANCE_HZ, GRID_TOLERANCE_HZ + step / 2, step)
    candidates = np.concatenate([grid + deviations for grid in GRIDS_HZ])
    return float(candidates[_comb_scores(spectrum, candidates, HUM_ORDERS).argmax()])


def find_shaft(spectrum: LongSpectrum, hum: Hum) -> Shaft:
    """Turning frequency of an induction motor: a little below the mains, or below half of it (four poles).

    From one clip half the frequency of a two-pole shaft, which a loose part makes, cannot always be told from
    a four-pole shaft. Hermetic compressors of shops have two poles, so four are believed only where the line
    at the lower frequency dominates.
    """
    grids = GRIDS_HZ if math.isnan(hum.mains_hz) else (hum.mains_hz,)
    step = max(spectrum.bin_hz / 8, 0.0125)
    ranges = [
        np.arange(
            grid * (1 - SLIP[1]),
            min(grid * (1 - SLIP[0]), grid - _MIN_SIDE_BAND_BINS * spectrum.bin_hz),
            step,
        )
        for grid in grids
    ]
    candidates = np.concatenate(ranges)
    if not candidates.size:
        return NO_SHAFT
    best = float(candidates[_comb_scores(spectrum, candidates, SHAFT_ORDERS).argmax()])
    found = [spectrum.line(order * best, within_hz=order * step) for order in SHAFT_ORDERS]
    if not _is_family(found):
        return NO_SHAFT
    hz = _fundamental(found, SHAFT_ORDERS)
    poles = 2
    half, first = spectrum.line(hz / 2), spectrum.line(hz)
    if half.prominence > SINGLE_PROMINENCE and half.power > 4 * first.power:
        hz, poles = hz / 2, 4
        half, first = spectrum.line(hz / 2), half
    powers = tuple(spectrum.line(order * hz).power for order in SHAFT_ORDERS)
    return Shaft(hz, half.power, powers, first.prominence, poles)


def find_slip(spectrum: LongSpectrum, hum: Hum, shaft: Shaft) -> Slip:
    """Side bands of the hum at the pole-pass frequency: poles x (synchronous - turning) frequency."""
    if math.isnan(hum.mains_hz):
        return NO_SLIP
    centre = 2 * hum.mains_hz
    hum_power = hum.powers[HUM_LEVEL_ORDERS.index(2)]
    if not math.isnan(shaft.hz):
        distance = 2 * (hum.mains_hz - shaft.hz * shaft.poles / 2)
        return Slip(distance, spectrum.line(centre + distance).power / hum_power)
    low = max(2 * SLIP[0] * hum.mains_hz, _MIN_SIDE_BAND_BINS * spectrum.bin_hz)
    distances = np.arange(low, 2 * SLIP[1] * hum.mains_hz, spectrum.bin_hz)
    pairs = np.minimum(
        spectrum.near_prominence[spectrum.bins(centre + distances)],
        spectrum.near_prominence[spectrum.bins(centre - distances)],
    )
    if not pairs.size or pairs.max() < PAIR_PROMINENCE:
        return NO_SLIP
    distance = float(distances[pairs.argmax()])
    upper = spectrum.line(centre + distance)
    lower = spectrum.line(centre - distance)
    return Slip((upper.hz - lower.hz) / 2, upper.power / hum_power)


def find_fan(spectrum: LongSpectrum, hum: Hum, shaft: Shaft) -> Fan:
    """The strongest family of lines of one turning frequency that is neither the mains' nor the shaft's.

    Lines of which all orders share a divisor would fit a faster fan as well, so they name none: a lone
    blade-pass line is not found.
    """
    free = spectrum.near_prominence.copy()
    for hz in (hum.mains_hz, shaft.hz):
        if not math.isnan(hz):
            _blank(free, spectrum, hz / 2, FAN_ORDERS_TO_HZ)
    candidates = np.arange(*FAN_RANGE_HZ, 0.02)
    orders = np.arange(1, int(FAN_ORDERS_TO_HZ / FAN_RANGE_HZ[0]) + 1)
    places = candidates[:, None] * orders
    prominence = np.where(places <= FAN_ORDERS_TO_HZ, free[spectrum.bins(places)], 0.0)
    capped = np.log(np.clip(prominence, 1.0, _CAP))
    # The weight falls with the order: else half the frequency, which has the same lines, would do as well.
    scores = np.einsum("ij,j->i", capped, 0.9 ** (orders - 1))
    best = int(scores.argmax())
    seen = orders[prominence[best] >= PAIR_PROMINENCE]
    strongest = float(prominence[best].max())
    if not seen.size or np.gcd.reduce(seen) != 1:
        return NO_FAN
    if seen.size < 3 and strongest < SINGLE_PROMINENCE:  # more frequencies are tried here than for the shaft
        return NO_FAN
    lines = [
        spectrum.line(order * float(candidates[best]), within_hz=0.05 * order) for order in seen.tolist()
    ]
    return Fan(_fundamental(lines, seen.tolist()), sum(line.power for line in lines), strongest)


def tonal_share(spectrum: LongSpectrum, *, from_hz: float = 40.0) -> float:
    """Share of the power up to LINES_TO_HZ that stands in lines, 0 to 1."""
    first = int(from_hz / spectrum.bin_hz)
    power = spectrum.power[first:]
    total = float(power.sum(dtype=np.float64))
    if total <= 0:
        return 0.0
    return float(power[spectrum.prominence[first:] > 10].sum(dtype=np.float64)) / total


def _comb_scores(
    spectrum: LongSpectrum, candidates: NDArray[np.float64], orders: tuple[int, ...]
) -> NDArray[np.float64]:
    """How far the harmonics of each candidate stand out together: float64 (candidates,)."""
    places = spectrum.bins(candidates[:, None] * np.array(orders))
    scores: NDArray[np.float64] = np.log(np.clip(spectrum.near_prominence[places], 1.0, _CAP)).sum(
        axis=1, dtype=np.float64
    )
    return scores


def _is_family(lines: Sequence[Line]) -> bool:
    """Two lines stand out, or the lowest does so beyond chance: a lone higher one could be anybody's."""
    seen = sum(line.prominence >= PAIR_PROMINENCE for line in lines)
    return seen >= 2 or lines[0].prominence >= SINGLE_PROMINENCE


def _fundamental(lines: Sequence[Line], orders: Sequence[int]) -> float:
    """Least squares over the lines that stand out; the same error in hertz weighs less in a higher order."""
    pairs = [
        (order, line.hz)
        for order, line in zip(orders, lines, strict=True)
        if line.prominence >= PAIR_PROMINENCE
    ]
    return sum(order * hz for order, hz in pairs) / sum(order * order for order, _ in pairs)


def _blank(prominence: NDArray[np.float32], spectrum: LongSpectrum, step_hz: float, to_hz: float) -> None:
    """Set a comb of lines to nothing, three bins to each side."""
    centres = np.rint(np.arange(1, int(to_hz / step_hz) + 1) * (step_hz / spectrum.bin_hz)).astype(np.intp)
    places = (centres[:, None] + np.arange(-3, 4)).ravel()
    prominence[places[places < prominence.size]] = 0.0
