"""What of a clip and its surroundings tells the run state: a handful of numbers with a physical meaning.

A compressor that runs makes tones: hum at multiples of twice the mains frequency and multiples of the shaft's
turns. They stand in lines a fraction of a hertz wide, where even a shop as loud as the machine puts little
power, so tones tell running from standing where the loudness cannot. What the air carries (hiss of a
defrost, the shop through an open door) is seen in the quiet 20 % of the time, between passing noises.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.surroundings import Surroundings

Array = NDArray[np.float64]

LINE_NAMES = (
    *(f"hum_{order}_db" for order in (2, 4, 6, 8)),
    *(f"shaft_{order}_db" for order in (1, 2, 3, 4)),
)
N_LINES = len(LINE_NAMES)
(TONES, QUIETER, STEP, PROMINENCE, AIR, HISS, SHINE, TICKS, RHYTHM, POWER, VIBRATION, SLOPE) = range(
    N_LINES, N_LINES + 12
)
N_CUES = N_LINES + 12
"""Columns of a matrix of cues; NaN where the clip or the node does not tell.

The first are the levels of the lines of hum and shaft, dB re full scale; where none was found, what noise may
have hidden. TONES: level of all of them in the clip's first or last seconds, whichever is louder; QUIETER:
the other of the two. STEP: by how many dB it changes for good within the clip, positive where it rises.
PROMINENCE: how far the clearest line stands above its surroundings, dB. AIR: quiet level of the bands above
500 Hz, dB. HISS: quiet level at 2 to 8 kHz, dB. SHINE: level above 4 kHz that is passed a twentieth of the
time, dB. TICKS: excess kurtosis k of the highest band as 10 log10(1 + k). RHYTHM: how far the clearest beat
of the highest band stands out of its swings, dB. POWER: per cent of the current sensor's range. VIBRATION:
decibels re 1 g. SLOPE: of the storage temperature, degrees a minute.
"""

_TONES_HZ = (50.0, 400.0)
_AIR_FROM_HZ = 500.0
_SHINE_FROM_HZ = 4000.0
_RHYTHMS = ("impact_prominence_high_db", "impact_shaft_high_db")
_PROMINENCES = ("hum_prominence_db", "shaft_1_prominence_db")
# A line may hide in noise up to its prominence of 9 dB; noise of a band some 30 Hz wide has 23 dB less in a
# bin of a 10 s spectrum (0.15 Hz).
_HIDDEN_BELOW_BAND_DB = 14.0
_QUIETEST_DB = -120.0  # of `dsp.spectra`
_ABSURD = 1e6  # no feature is this large; keeps squares finite


class Named(Protocol):
    """What is read of a feature: see `dsp.features`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def low_hz(self) -> float: ...
    @property
    def high_hz(self) -> float: ...


@dataclass(frozen=True)
class Columns:
    """Where in a feature vector the cues are made from; None or empty if the feature set lacks them."""

    singles: tuple[tuple[int, int], ...]  # (cue, column) of what is taken as it is
    first: int | None
    last: int | None
    tonal: int | None
    ticks: int | None
    prominences: NDArray[np.intp]
    rhythms: NDArray[np.intp]
    low: NDArray[np.intp]
    air: NDArray[np.intp]
    shine: NDArray[np.intp]


@lru_cache(maxsize=8)
def columns(names: tuple[Named, ...]) -> Columns:
    """Of bands the quiet level (`floor`) and the high one (`peak`) where the set has them, else the mean."""
    place = {feature.name: i for i, feature in enumerate(names)}
    kinds = {feature.kind for feature in names}

    def bands(kind: str, low_hz: float, high_hz: float) -> NDArray[np.intp]:
        kind = kind if kind in kinds else "level"
        return np.array(
            [i for i, f in enumerate(names) if f.kind == kind and f.low_hz < high_hz and f.high_hz > low_hz],
            np.intp,
        )

    def found(wanted: tuple[str, ...]) -> NDArray[np.intp]:
        return np.array([place[name] for name in wanted if name in place], np.intp)

    taken = (*enumerate(LINE_NAMES), (HISS, "hiss_dbfs"), (STEP, "hum_step_db"))
    return Columns(
        singles=tuple((cue, place[name]) for cue, name in taken if name in place),
        first=place.get("hum_first_dbfs"),
        last=place.get("hum_last_dbfs"),
        tonal=place.get("tonal_share"),
        ticks=place.get("impact_kurtosis_high"),
        prominences=found(_PROMINENCES),
        rhythms=found(_RHYTHMS),
        low=bands("floor", *_TONES_HZ),
        air=bands("floor", _AIR_FROM_HZ, np.inf),
        shine=bands("peak", _SHINE_FROM_HZ, np.inf),
    )


def of_sound(x: Array, names: tuple[Named, ...]) -> Array:
    """The cues that are in the sound. x: float64 (n, p). Returns float64 (n, N_CUES), the rest NaN."""
    where = columns(names)
    x = np.where(np.abs(x) < _ABSURD, x, np.nan)
    cues = np.full((len(x), N_CUES), np.nan)
    low = _power_mean_db(x[:, where.low])
    cues[:, TONES] = low
    for cue, column in where.singles:
        cues[:, cue] = x[:, column]
    if where.first is not None and where.last is not None:
        first, last = x[:, where.first], x[:, where.last]
        cues[:, TONES] = np.where(np.isnan(first + last), low, np.maximum(first, last))
        cues[:, QUIETER] = np.minimum(first, last)
        larger = ~(np.abs(cues[:, STEP]) >= np.abs(last - first))
        cues[larger, STEP] = (last - first)[larger]
    cues[:, PROMINENCE] = _highest(x[:, where.prominences])
    if where.tonal is not None:
        could_tell = np.isfinite(x[:, where.tonal])
        hidden = np.where(could_tell, low - _HIDDEN_BELOW_BAND_DB, np.nan)[:, None]
        cues[:, :N_LINES] = np.where(np.isnan(cues[:, :N_LINES]), hidden, cues[:, :N_LINES])
        cues[could_tell & np.isnan(cues[:, PROMINENCE]), PROMINENCE] = 0.0
    cues[:, RHYTHM] = _highest(x[:, where.rhythms])
    cues[:, AIR] = _mean(x[:, where.air])
    cues[:, SHINE] = _mean(x[:, where.shine])
    if where.ticks is not None:
        cues[:, TICKS] = 10 * np.log10(1 + np.maximum(x[:, where.ticks], 0.0))
    return cues


def add_surroundings(cues: Array, surroundings: Surroundings) -> None:
    """Write what the node's other sensors say into one row (N_CUES,) of cues."""
    cues[POWER] = _finite(surroundings.power_percent)
    vibration = _finite(surroundings.vibration_g)
    if vibration > 0:
        cues[VIBRATION] = 20 * np.log10(vibration)
    cues[SLOPE] = _finite(surroundings.temperature_slope_c_per_min)


def _finite(value: float | None) -> float:
    return float(value) if value is not None and abs(value) < _ABSURD else np.nan


def _mean(x: Array) -> Array:
    """Over the finite values of each row; NaN if there are none."""
    known = np.isfinite(x)
    count = known.sum(axis=1)
    total = np.where(known, x, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _power_mean_db(db: Array) -> Array:
    """(n, k) levels -> (n,) level of their mean power; NaN if none is known."""
    powers = _mean(10 ** (np.clip(db, _QUIETEST_DB, 200.0) / 10))
    return 10 * np.log10(powers)


def _highest(x: Array) -> Array:
    known = np.isfinite(x)
    highest = np.where(known, x, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(known.any(axis=1), highest, np.nan)
