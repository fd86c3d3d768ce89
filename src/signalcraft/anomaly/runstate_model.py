"""What running and standing are like for one machine, learned from its clips without labels.

A machine that is heard in both states has clips of two kinds, and they lie far apart in at least one thing:
the current, the vibration or the level of the compressor's tones. The values of each are split in two where
that leaves the least variance within (Otsu 1979, IEEE Trans. SMC 9, 62-66: two-means on a line), and
the split with the widest gap counts, if there is one at all. If there is none, the machine was only ever
heard in one state; a node that sends sound only while the compressor runs gives such a set, so all are
taken as running. Nothing is split that merely has a wide scatter.

Then the clips are assigned anew by all cues together, so that a defrost heater's current is not taken for the
compressor's. Medians describe both groups, so a few clips in the wrong one do little harm.
"""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.runstate_cues import (
    AIR,
    HISS,
    N_CUES,
    N_LINES,
    POWER,
    PROMINENCE,
    RHYTHM,
    SHINE,
    SLOPE,
    TICKS,
    TONES,
    VIBRATION,
    Array,
)

NAME = "runstate-1"

_MAD_TO_SIGMA = 1.4826
_QUANTILES, _QUANTILE_SIGMAS = (0.15, 0.5, 0.85), 1.0364  # of a Gaussian
# Below what a sensor or a spectrum can repeat; keeps a constant cue from dividing by zero.
_SPREAD_FLOOR = np.full(N_CUES, 1.5)  # dB
_SPREAD_FLOOR[[AIR, HISS, SHINE]] = 0.7  # means of many bands
_SPREAD_FLOOR[TICKS] = 0.1  # kurtosis of Gaussian noise in a clip strays by 1 to 3 %
_SPREAD_FLOOR[RHYTHM] = 2.0  # a line of a spectrum with few averages
_SPREAD_FLOOR[POWER] = 0.5  # per cent of the range
_SPREAD_FLOOR[SLOPE] = 0.02  # degrees a minute: a sensor's step of 1/16 degree in three minutes

# How far two states are apart at the least, by what they are: a compressor that starts draws a good part of
# its rated current, shakes its housing at least twice as much as before, and adds more than it finds to the
# power of its own lines (6 dB: to four times).
LEAST_GAP = {POWER: 3.0, VIBRATION: 6.0, TONES: 6.0, **dict.fromkeys(range(N_LINES), 6.0)}
# Gap of the medians in sums of the two deviations. Two-means halves of one Gaussian have 1.1, of an even
# spread 1.3, of a one-sided exponential 1.7; 2.5 leaves those clearly behind.
_LEAST_SEPARATION = 2.5
_SENSORS = (POWER, VIBRATION)
# What all tones together rise by: 2 dB where a neighbour hums nearly as loud; 12 dB, four times the
# amplitude, where nothing shows that it is a motor.
_RISE_DB, _RISE_WITHOUT_LINES_DB = 2.0, 12.0
_LEAST_CLIPS = 3  # in the smaller group: one or two clips are an event, not a state
_OUTLIER = 0.02
_ROUNDS = 3
# Uncondensed gas through a valve: at least twice the hiss of the run, and alike each time within what a mean
# of many bands strays. Twenty minutes of eight to twelve hours are some 4 % of a day, more of a run.
_GAS_HISS_DB, _GAS_ALIKE_DB, _GAS_SHARE, _GAS_MOST = 3.0, 1.5, 0.15, 0.6

Mask = NDArray[np.bool_]
Pairs = list[tuple[float, float]]
"""(centre, deviation) of each cue, NaN where not known."""


@dataclass(frozen=True)
class StateModel:
    """on, off, gas: float64 (N_CUES, 2), centre and deviation of each cue while the compressor runs, while it
    stands, and while it defrosts with hot gas; NaN where never heard or never measured. n_on, n_off, n_gas:
    how many clips each rests on."""

    on: Array
    off: Array
    gas: Array
    n_on: int
    n_off: int
    n_gas: int

    @cached_property
    def pairs(self) -> tuple[Pairs, Pairs, Pairs]:
        """on, off and gas as plain numbers, which are quicker one by one."""
        on, off, gas = ([(float(c), float(s)) for c, s in group] for group in (self.on, self.off, self.gas))
        return on, off, gas

    def to_bytes(self) -> bytes:
        """An uncompressed `.npz` of plain arrays, some 2 KB; the same bytes for the same model."""
        file = BytesIO()
        np.savez(
            file,
            allow_pickle=False,
            model=np.array(NAME),
            cues=np.stack([self.on, self.off, self.gas]),
            counts=np.array([self.n_on, self.n_off, self.n_gas]),
        )
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "StateModel":
        """Raises BaselineError if the bytes are not such a model."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as file:
                name, cues, counts = str(file["model"]), file["cues"], file["counts"]
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BaselineError(f"the stored state model cannot be read: {error}") from error
        if name != NAME or cues.shape != (3, N_CUES, 2) or counts.shape != (3,):
            raise BaselineError(f"the stored state model is not one of {NAME}")
        n_on, n_off, n_gas = (int(count) for count in counts)
        return StateModel(cues[0], cues[1], cues[2], n_on, n_off, n_gas)


def from_cues(cues: Array) -> StateModel:
    """cues: float64 (n, N_CUES), NaN where not known; n may be 0."""
    runs = _runs(cues)
    stands = ~runs & ~_heats(cues, ~runs)
    gas = np.zeros(len(cues), np.bool_)
    gas[np.flatnonzero(runs)[_hot_gas(cues[runs])]] = True
    runs &= ~gas
    return StateModel(
        _describe(cues[runs]),
        _describe(cues[stands]),
        _describe(cues[gas]),
        int(runs.sum()),
        int(stands.sum()),
        int(gas.sum()),
    )


def _heats(cues: Array, stands: Mask) -> Mask:
    """(n,): of the clips in which the compressor stands, those in which a current flows all the same."""
    separation, threshold = _split(cues[stands, POWER], LEAST_GAP[POWER])
    return stands & (cues[:, POWER] > threshold) if separation > _LEAST_SEPARATION else np.zeros_like(stands)


def _hot_gas(cues: Array) -> NDArray[np.intp]:
    """Which clips of the running machine are of a defrost by its own hot gas, if it has one.

    It hisses far more than the run and always alike: the densest place among the hissing clips, with most of
    them (noise that passes is scattered), at least _LEAST_CLIPS and at most _GAS_SHARE of all (what hisses
    for longer is a fault), and with the storage getting warmer than in a usual run where that is measured.
    """
    usual = _describe(cues)
    hiss, spread = usual[HISS]
    hissing = np.flatnonzero(cues[:, HISS] > hiss + max(_GAS_HISS_DB, 3 * spread))
    if not _LEAST_CLIPS <= hissing.size <= _GAS_SHARE * len(cues) + _LEAST_CLIPS:
        return np.zeros(0, np.intp)
    near = cues[hissing][:, [AIR, HISS, SHINE]]
    alike = np.abs(near[:, None] - near[None]).max(axis=2) <= _GAS_ALIKE_DB
    group = hissing[alike[alike.sum(axis=1).argmax()]]
    slopes = cues[group, SLOPE]
    warms = not np.isfinite(slopes).any() or np.median(slopes[np.isfinite(slopes)]) > usual[SLOPE, 0]
    enough = max(_LEAST_CLIPS, _GAS_MOST * hissing.size) <= group.size <= _GAS_SHARE * len(cues)
    return group if enough and warms else np.zeros(0, np.intp)


def _runs(cues: Array) -> Mask:
    """(n,): whether the compressor runs."""
    widest, runs = _LEAST_SEPARATION, np.ones(len(cues), np.bool_)
    found = False
    for cue, least_gap in LEAST_GAP.items():
        separation, threshold = _split(cues[:, cue], least_gap)
        above = ~(cues[:, cue] <= threshold)  # what is not known is taken as running, for now
        by_sound = cue not in _SENSORS
        if by_sound and (_current_denies(cues, above) or not _motor_adds(cues, above)):
            continue
        if separation > widest:
            widest, found, runs = separation, True, above
    for _ in range(_ROUNDS if found else 0):
        on, off = _describe(cues[runs]), _describe(cues[~runs])
        again = _evidence(cues, on, off) >= 0
        if min(again.sum(), (~again).sum()) < _LEAST_CLIPS or (again == runs).all():
            break
        runs = again
    return runs


def _current_denies(cues: Array, above: Mask) -> bool:
    """Whether the current is measured in both groups and the same: then it is one state that sounds
    differently, such as a motor whose lines a fault covers in some clips. A stuck sensor denies nothing."""
    known = np.isfinite(cues[:, POWER])
    high, low = cues[above & known, POWER], cues[~above & known, POWER]
    if min(high.size, low.size) < _LEAST_CLIPS or np.ptp(cues[known, POWER]) < _SPREAD_FLOOR[POWER]:
        return False
    return bool(np.median(high) - np.median(low) < LEAST_GAP[POWER])


def _motor_adds(cues: Array, above: Mask) -> bool:
    """Whether it is a motor by which these clips are louder than the others.

    Its tones rise with any of its lines (a line that was merely not found in some clips is no pause). Where
    lines were sought and none stands out in the louder clips, they may just be recorded louder, unless by
    very much. Clips joined from fragments cannot be asked.
    """
    tones, prominence = cues[:, TONES], cues[above, PROMINENCE]
    known = np.isfinite(tones)
    high, low, lines = tones[above & known], tones[~above & known], prominence[np.isfinite(prominence)]
    if not high.size or not low.size:
        return False
    if not lines.size:
        least = LEAST_GAP[TONES]
    else:
        least = _RISE_DB if np.median(lines) > 0 else _RISE_WITHOUT_LINES_DB
    return bool(np.median(high) - np.median(low) >= least)


def _split(values: Array, least_gap: float) -> tuple[float, float]:
    """(separation, threshold) of the best two groups on a line; separation 0 if there are none."""
    x = np.sort(values[np.isfinite(values)])
    n = x.size
    if n < 2 * _LEAST_CLIPS:
        return 0.0, 0.0
    left = np.arange(1, n)
    total = np.cumsum(x)
    low, high = total[:-1] / left, (total[-1] - total[:-1]) / (n - left)
    between = left * (n - left) * np.square(high - low)
    between[: _LEAST_CLIPS - 1] = between[n - _LEAST_CLIPS :] = -1.0
    k = int(between.argmax()) + 1
    (low_centre, low_spread), (high_centre, high_spread) = _robust(x[:k]), _robust(x[k:])
    gap = high_centre - low_centre
    if gap < least_gap:
        return 0.0, 0.0
    floor = least_gap / 10  # two groups without any scatter of their own are not infinitely separate
    return gap / (max(low_spread, floor) + max(high_spread, floor)), float(x[k - 1] + x[k]) / 2


def _robust(x: Array) -> tuple[float, float]:
    centre = float(np.median(x))
    return centre, float(_MAD_TO_SIGMA * np.median(np.abs(x - centre)))


def _describe(cues: Array) -> Array:
    """(n, N_CUES) -> (N_CUES, 2): median and deviation of what is known. A seventh may be something else."""
    described = np.full((N_CUES, 2), np.nan)
    for cue in range(N_CUES):
        x = cues[:, cue]
        x = x[np.isfinite(x)]
        if x.size >= _LEAST_CLIPS:
            low, centre, high = np.quantile(x, _QUANTILES)
            # Shop noise has a long tail on one side, which the median deviation does not see.
            spread = max(high - centre, centre - low) / _QUANTILE_SIGMAS
            described[cue] = centre, max(spread, _SPREAD_FLOOR[cue])
    return described


def _evidence(cues: Array, on: Array, off: Array) -> Array:
    """(n,): logarithm of the odds that the compressor runs. Louder than running is running, quieter than
    standing is standing, so tones and vibration count on one side only."""
    odds = np.zeros(len(cues))
    for cue in LEAST_GAP:
        if np.isnan(on[cue, 0]) or np.isnan(off[cue, 0]):
            continue
        z_on = (cues[:, cue] - on[cue, 0]) / on[cue, 1]
        z_off = (cues[:, cue] - off[cue, 0]) / off[cue, 1]
        if cue != POWER:
            z_on, z_off = np.minimum(z_on, 0.0), np.maximum(z_off, 0.0)
        log_on, log_off = (np.log(np.exp(-np.square(z) / 2) + _OUTLIER) for z in (z_on, z_off))
        odds += np.where(np.isfinite(cues[:, cue]), log_on - log_off, 0.0)
    return odds
