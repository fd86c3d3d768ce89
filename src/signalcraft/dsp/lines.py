"""Tones of a clip: mains hum, shaft and fan, each found by its family of harmonics, or not found.

A line counts as found by its prominence over the noise around it, so it does not matter how loud a clip is.
Thresholds follow from chance alone: the power of noise in a bin is exponentially distributed, so a ratio r to
its mean is passed with probability exp(-r); with some hundred frequencies tried, two lines of 9 dB or one of
15 dB come by chance in fewer than one clip in a thousand. The ranges are those of the machines: grids hold
their frequency within 0.3 Hz; induction motors of this size slip by 0.8 to 5 %; fans turn 12 to 45 times a
second (all: physics and standards, no recording was looked at).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp.long_spectrum import FLOOR_POWER, Lines, LongSpectrum

GRIDS_HZ = (50.0, 60.0)
GRID_TOLERANCE_HZ = 0.3
HUM_ORDERS = (2, 4, 6, 8)  # magnetic force pulls twice a period: a motor hums at even harmonics
HUM_LEVEL_ORDERS = (1, *HUM_ORDERS)
SHAFT_ORDERS = (1, 2, 3, 4)
SLIP = (0.008, 0.085)  # 5 % at rated load, more when it is overloaded, which must be heard too
FAN_RANGE_HZ = (12.0, 45.0)
FAN_ORDERS_TO_HZ = 400.0  # seven blades at 45 turns, and a harmonic of fewer
PAIR_PROMINENCE = 10**0.9
SINGLE_PROMINENCE = 10**1.5
_CAP = 10**2.0  # one very loud line must not stand for a whole family
_STEP_HZ = 0.01  # a bin of ten seconds at the tenth harmonic
_REACH_BINS = 2  # by which the best of a comb may miss a peak
_MAX_FREE_PEAKS = 24
_FAN_TOLERANCE_BINS = 1.5
_ORDER_WEIGHT = 0.9
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


def likely_mains_hz(spectrum: LongSpectrum) -> float:
    """The grid frequency whose even harmonics stand out most, whether or not that is enough to be found."""
    candidates = _grid_candidates()
    return float(candidates[_comb_scores(spectrum, candidates, HUM_ORDERS).argmax()])


def find_hum(spectrum: LongSpectrum, likely_hz: float) -> Hum:
    """Whether the motor hums at the even harmonics of `likely_mains_hz`, and how."""
    orders = np.array(HUM_LEVEL_ORDERS)
    levels = spectrum.lines(orders * likely_hz, within_bins=_REACH_BINS)
    even = Lines(levels.hz[1:], levels.power[1:], levels.prominence[1:])
    if not _is_family(even):
        return NO_HUM
    return Hum(_fundamental(even, orders[1:]), tuple(levels.power.tolist()), float(even.prominence[0]))


@lru_cache(maxsize=1)
def _grid_candidates() -> NDArray[np.float64]:
    deviations = np.arange(-GRID_TOLERANCE_HZ, GRID_TOLERANCE_HZ + _STEP_HZ / 2, _STEP_HZ)
    return np.concatenate([grid + deviations for grid in GRIDS_HZ])


def find_shaft(spectrum: LongSpectrum, hum: Hum) -> Shaft:
    """Turning frequency of an induction motor: a little below the mains, or below half of it (four poles).

    From one clip half the frequency of a two-pole shaft, which a loose part makes, cannot always be told from
    a four-pole shaft. Hermetic compressors of shops have two poles, so four are believed only where the line
    at the lower frequency dominates.
    """
    grids = GRIDS_HZ if math.isnan(hum.mains_hz) else (hum.mains_hz,)
    apart = _MIN_SIDE_BAND_BINS * spectrum.bin_hz
    candidates = np.concatenate(
        [np.arange(grid * (1 - SLIP[1]), min(grid * (1 - SLIP[0]), grid - apart), _STEP_HZ) for grid in grids]
    )
    if not candidates.size:
        return NO_SHAFT
    best = float(candidates[_comb_scores(spectrum, candidates, SHAFT_ORDERS).argmax()])
    parts = np.array([0.5, *SHAFT_ORDERS])
    levels = spectrum.lines(parts * best, within_bins=_REACH_BINS)
    turns = Lines(levels.hz[1:], levels.power[1:], levels.prominence[1:])
    if not _is_family(turns):
        return NO_SHAFT
    hz, poles = _fundamental(turns, parts[1:]), 2
    if levels.prominence[0] > SINGLE_PROMINENCE and levels.power[0] > 4 * levels.power[1]:
        hz, poles = hz / 2, 4
        levels = spectrum.lines(parts * hz, within_bins=_REACH_BINS)
    half, *powers = levels.power.tolist()
    return Shaft(hz, half, tuple(powers), float(levels.prominence[1]), poles)


def find_slip(spectrum: LongSpectrum, hum: Hum, shaft: Shaft) -> Slip:
    """Side bands of the hum at the pole-pass frequency: poles x (synchronous - turning) frequency."""
    if math.isnan(hum.mains_hz):
        return NO_SLIP
    centre = 2 * hum.mains_hz
    hum_power = max(hum.powers[HUM_LEVEL_ORDERS.index(2)], FLOOR_POWER)
    if not math.isnan(shaft.hz):
        distance = 2 * (hum.mains_hz - shaft.hz * shaft.poles / 2)
        upper = spectrum.lines(np.array([centre + distance]))
        return Slip(distance, float(upper.power[0]) / hum_power)
    low = max(2 * SLIP[0] * hum.mains_hz, _MIN_SIDE_BAND_BINS * spectrum.bin_hz)
    distances = np.arange(low, 2 * SLIP[1] * hum.mains_hz, spectrum.bin_hz)
    if not distances.size:
        return NO_SLIP
    near = spectrum.near_prominence
    pairs = np.minimum(near[spectrum.bins(centre + distances)], near[spectrum.bins(centre - distances)])
    distance = float(distances[pairs.argmax()])
    bands = spectrum.lines(centre + np.array([-distance, distance]))
    if bands.prominence.min() < PAIR_PROMINENCE:
        return NO_SLIP
    return Slip(float(bands.hz[1] - bands.hz[0]) / 2, float(bands.power[1]) / hum_power)


def find_fan(spectrum: LongSpectrum, hum: Hum, shaft: Shaft) -> Fan:
    """The strongest family of lines of one turning frequency that is neither the mains' nor the shaft's.

    Lines of which all orders share a divisor would fit a faster fan as well, so they name none: a lone
    blade-pass line is not found.
    """
    peaks = _free_peaks(spectrum, [hz / 2 for hz in (hum.mains_hz, shaft.hz) if not math.isnan(hz)])
    if not peaks.hz.size:
        return NO_FAN
    divisors = np.arange(1, int(FAN_ORDERS_TO_HZ / FAN_RANGE_HZ[0]) + 1)
    candidates = (peaks.hz[:, None] / divisors).ravel()
    candidates = candidates[(candidates >= FAN_RANGE_HZ[0]) & (candidates <= FAN_RANGE_HZ[1])]
    if not candidates.size:
        return NO_FAN
    orders = np.rint(peaks.hz / candidates[:, None]).clip(min=1)
    fits = np.abs(peaks.hz - orders * candidates[:, None]) <= _FAN_TOLERANCE_BINS * spectrum.bin_hz
    # The weight falls with the order: else half the frequency, which has the same lines, would do as well.
    scores = (fits * np.log(np.minimum(peaks.prominence, _CAP)) * _ORDER_WEIGHT**orders).sum(axis=1)
    best = int(scores.argmax())
    seen = fits[best]
    strongest = float(peaks.prominence[seen].max())
    # More frequencies are tried here than for the shaft, so two lines must have a strong one among them.
    enough = seen.sum() >= 3 or strongest >= SINGLE_PROMINENCE
    if not enough or np.gcd.reduce(orders[best, seen].astype(np.intp)) != 1:
        return NO_FAN
    family = Lines(peaks.hz[seen], peaks.power[seen], peaks.prominence[seen])
    return Fan(_fundamental(family, orders[best, seen]), float(family.power.sum()), strongest)


def _free_peaks(spectrum: LongSpectrum, taken_hz: list[float]) -> Lines:
    """The lines up to FAN_ORDERS_TO_HZ that stand out and are on none of the combs of `taken_hz`."""
    first, last = int(FAN_RANGE_HZ[0] / spectrum.bin_hz), int(FAN_ORDERS_TO_HZ / spectrum.bin_hz)
    top = spectrum.prominence[first:last]
    places = first + np.flatnonzero((top == spectrum.near_prominence[first:last]) & (top >= PAIR_PROMINENCE))
    hz = places * spectrum.bin_hz
    for comb in taken_hz:
        hz = hz[np.abs(hz - np.rint(hz / comb) * comb) > _MIN_SIDE_BAND_BINS * spectrum.bin_hz]
    order = np.argsort(-spectrum.prominence[spectrum.bins(hz)], kind="stable")[:_MAX_FREE_PEAKS]
    peaks = spectrum.lines(hz[order])
    keep = peaks.prominence >= PAIR_PROMINENCE
    return Lines(peaks.hz[keep], peaks.power[keep], peaks.prominence[keep])


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
    near = np.minimum(np.maximum(spectrum.near_prominence[places], 1.0), _CAP)
    scores: NDArray[np.float64] = np.log(near).sum(axis=1)
    return scores


def _is_family(lines: Lines) -> bool:
    """Two lines stand out, or the lowest does so beyond chance: a lone higher one could be anybody's."""
    return bool((lines.prominence >= PAIR_PROMINENCE).sum() >= 2 or lines.prominence[0] >= SINGLE_PROMINENCE)


def _fundamental(lines: Lines, orders: NDArray[np.generic]) -> float:
    """Least squares over the lines that stand out; the same error in hertz weighs less in a higher order."""
    k = np.where(lines.prominence >= PAIR_PROMINENCE, orders, 0).astype(np.float64)
    return float((k * lines.hz).sum() / (k * k).sum())
