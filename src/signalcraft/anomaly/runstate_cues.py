"""What of a clip and its surroundings tells the run state: a handful of numbers with a physical meaning.

A compressor that runs makes tones: hum at multiples of twice the mains frequency and multiples of the shaft's
turns. They stand in lines a fraction of a hertz wide, where even a shop as loud as the machine puts little
power, so tones tell running from standing where the loudness cannot. What the air carries (hiss of a
defrost, the shop through an open door) is seen in the quiet 20 % of the time, between passing noises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.surroundings import Surroundings

Array = NDArray[np.float64]

TONES, QUIETER, STEP, LINES, PROMINENCE, AIR, HISS, POWER, VIBRATION, SLOPE = range(10)
N_CUES = 10
"""Columns of a matrix of cues; NaN where the clip or the node does not tell.

TONES: level of the compressor's tones, dB re full scale, in the first or last seconds, whichever is louder.
QUIETER: the other of the two. STEP: by how many dB it changes for good within the clip, positive where it
rises. LINES: power of the lines of hum and shaft over the whole clip, dB; where none was found, what noise
may have hidden. PROMINENCE: how far the clearest of them stands above its surroundings, dB. AIR: quiet level
of the bands above 500 Hz, dB. HISS: quiet level at 2 to 8 kHz, dB. POWER: per cent of the current sensor's
range. VIBRATION: decibels re 1 g. SLOPE: of the storage temperature, degrees a minute.
"""

_TONES_HZ = (50.0, 400.0)
_AIR_FROM_HZ = 500.0
_LINES = (
    "hum_2_db",
    "hum_4_db",
    "hum_6_db",
    "hum_8_db",
    "shaft_1_db",
    "shaft_2_db",
    "shaft_3_db",
    "shaft_4_db",
)
_PROMINENCES = ("hum_prominence_db", "shaft_1_prominence_db")
# A line may hide in noise up to its prominence of 9 dB; noise of a band some 30 Hz wide has 23 dB less in a
# bin of a 10 s spectrum (0.15 Hz).
_HIDDEN_BELOW_BAND_DB = 14.0
_QUIETEST_DB = -120.0  # of `dsp.spectra`


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
    """Where in a feature vector the cues are made from; empty or None if the feature set lacks them."""

    n: int
    first: int | None
    last: int | None
    step: int | None
    tonal: int | None
    hiss: int | None
    lines: NDArray[np.intp]
    prominences: NDArray[np.intp]
    low: NDArray[np.intp]
    air: NDArray[np.intp]


@lru_cache(maxsize=8)
def columns(names: tuple[Named, ...]) -> Columns:
    """The quiet level (`floor`) of bands where the set has it, else the mean level."""
    place = {feature.name: i for i, feature in enumerate(names)}
    kinds = {feature.kind for feature in names}
    kind = "floor" if "floor" in kinds else "level"
    bands = [(i, f) for i, f in enumerate(names) if f.kind == kind]

    def found(wanted: Sequence[str]) -> NDArray[np.intp]:
        return np.array([place[name] for name in wanted if name in place], np.intp)

    return Columns(
        n=len(names),
        first=place.get("hum_first_dbfs"),
        last=place.get("hum_last_dbfs"),
        step=place.get("hum_step_db"),
        tonal=place.get("tonal_share"),
        hiss=place.get("hiss_dbfs"),
        lines=found(_LINES),
        prominences=found(_PROMINENCES),
        low=np.array([i for i, f in bands if f.high_hz > _TONES_HZ[0] and f.low_hz < _TONES_HZ[1]], np.intp),
        air=np.array([i for i, f in bands if f.low_hz >= _AIR_FROM_HZ], np.intp),
    )


def of_sound(x: Array, names: tuple[Named, ...]) -> Array:
    """The cues that are in the sound. x: float64 (n, p). Returns float64 (n, N_CUES), the rest NaN."""
    where = columns(names)
    cues = np.full((len(x), N_CUES), np.nan)
    cues[:, TONES] = _power_mean_db(x[:, where.low])
    if where.first is not None and where.last is not None:
        known = np.isfinite(x[:, where.first]) & np.isfinite(x[:, where.last])
        cues[known, TONES] = np.maximum(x[known, where.first], x[known, where.last])
        cues[known, QUIETER] = np.minimum(x[known, where.first], x[known, where.last])
        cues[known, STEP] = x[known, where.last] - x[known, where.first]
    if where.step is not None:
        larger = np.isfinite(x[:, where.step]) & ~(np.abs(x[:, where.step]) <= np.abs(cues[:, STEP]))
        cues[larger, STEP] = x[larger, where.step]
    cues[:, LINES] = _power_sum_db(x[:, where.lines])
    cues[:, PROMINENCE] = _highest(x[:, where.prominences])
    if where.tonal is not None:
        nothing = np.isnan(cues[:, LINES]) & np.isfinite(x[:, where.tonal])
        cues[nothing, LINES] = _power_mean_db(x[nothing][:, where.low]) - _HIDDEN_BELOW_BAND_DB
        cues[nothing, PROMINENCE] = 0.0
    cues[:, AIR] = _mean(x[:, where.air])
    if where.hiss is not None:
        cues[:, HISS] = x[:, where.hiss]
    cues[~np.isfinite(cues)] = np.nan
    return cues


def add_surroundings(cues: Array, surroundings: Surroundings) -> None:
    """Write what the node's other sensors say into one row (N_CUES,) of cues."""
    cues[POWER] = _finite(surroundings.power_percent)
    vibration = _finite(surroundings.vibration_g)
    if vibration > 0:
        cues[VIBRATION] = 20 * np.log10(vibration)
    cues[SLOPE] = _finite(surroundings.temperature_slope_c_per_min)


def _finite(value: float | None) -> float:
    return np.nan if value is None or not np.isfinite(value) else float(value)


def _mean(x: Array) -> Array:
    """Over the finite values of each row; NaN if there are none."""
    known = np.isfinite(x)
    count = known.sum(axis=1)
    total = np.where(known, x, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _power_sum_db(db: Array) -> Array:
    """(n, k) levels -> (n,) level of their sum; what was not found adds nothing; NaN if nothing was."""
    known = np.isfinite(db)
    power = np.where(known, 10 ** (np.clip(np.where(known, db, 0.0), _QUIETEST_DB, 200.0) / 10), 0.0)
    total: Array = power.sum(axis=1)
    return np.where(total > 0, 10 * np.log10(np.where(total > 0, total, 1.0)), np.nan)


def _power_mean_db(db: Array) -> Array:
    return _power_sum_db(db) - (10 * np.log10(db.shape[1]) if db.shape[1] else 0.0)


def _highest(x: Array) -> Array:
    known = np.isfinite(x)
    highest = np.where(known, x, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(known.any(axis=1), highest, np.nan)
